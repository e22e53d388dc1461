/** The library, the same engine as the executable: in this process, on Node. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { Engine, MydockerError } from '../../src/engine/index.ts';
import { command, leftovers, processes, until } from './harness.ts';

const root = mkdtempSync('/var/tmp/mydocker-e2e-');
const engine = new Engine({ root, defaultNetwork: 'none' });
after(async () => {
  await engine.close();
  assert.deepEqual(leftovers(root), []);
  rmSync(root, { recursive: true, force: true });
});

test('run() gives the exit code and both streams, as bytes and text', async () => {
  const result = await engine.run('busybox', ['sh', '-c', 'printf "\\377out"; echo err >&2; exit 7']);
  assert.equal(result.exitCode, 7);
  assert.deepEqual([...result.stdout.bytes], [0xff, ...Buffer.from('out')]);
  assert.equal(result.stderr.text, 'err\n');
});

test('run() hands the input over whole, and passes argv as it is', async () => {
  const input = 'x'.repeat(300_000);
  const counted = await engine.run('busybox', ['wc', '-c'], { input });
  assert.equal(counted.stdout.text.trim(), '300000');
  const odd = ['', 'a b', '"q"', "it's", '$HOME', 'a\nb', 'ünï'];
  const echoed = await engine.run('busybox', [
    'sh',
    '-c',
    'for a in "$@"; do printf "%s|" "$a"; done',
    'sh',
    ...odd,
  ]);
  assert.equal(echoed.stdout.text, odd.map((word) => `${word}|`).join(''));
});

test('run() takes output of any size without losing a byte', async () => {
  const { stdout } = await engine.run('busybox', ['dd', 'if=/dev/zero', 'bs=1M', 'count=20']);
  assert.equal(stdout.bytes.length, 20 * 1024 * 1024);
});

test('run() rejects with the reason of its signal, and nothing goes on running', async () => {
  await assert.rejects(engine.run('busybox', ['sleep', '100'], { signal: AbortSignal.timeout(200) }), {
    name: 'TimeoutError',
  });
  const aborted = AbortSignal.abort(new Error('not today'));
  await assert.rejects(engine.run('busybox', ['true'], { signal: aborted }), /not today/);
  await engine.close();
  assert.deepEqual(leftovers(root), [], 'no record, no run directory, no mount');
  await until('no monitor is left', () => processes(`${root}/bin/shim-`).length === 0);
});

test('await using removes a running container when the scope ends', async () => {
  let id: string;
  {
    await using bird = await engine.containers.create({ image: 'busybox', command: ['top'] });
    await bird.start();
    id = bird.id;
    const { stdout, exitCode } = await bird.exec(['cat'], { input: 'through', env: ['A=b'] });
    assert.deepEqual([stdout.text, exitCode], ['through', 0]);
    assert.equal((await bird.inspect()).status, 'running');
  }
  assert.equal(
    (await engine.containers.list()).some((row) => row.id === id),
    false,
  );
});

test('logs() follows until the program ends; wait() gives its code', async () => {
  await using job = await engine.containers.create({
    image: 'busybox',
    command: ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.1; done; exit 4'],
  });
  await job.start();
  const lines: string[] = [];
  for await (const entry of job.logs({ follow: true })) lines.push(entry.text);
  assert.deepEqual(lines, ['1\n', '2\n', '3\n']);
  assert.equal(await job.wait(), 4);
});

test('errors carry code, step, errno, subject and remedy', async () => {
  const caught = async (promise: Promise<unknown>): Promise<MydockerError> => {
    const error = await promise.then(
      () => assert.fail('it should have failed'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof MydockerError);
    return error;
  };
  const lost = await caught(engine.run('busybox', ['no-such-program']));
  assert.deepEqual(
    [lost.code, lost.errno, lost.subject, lost.exitCode],
    ['EXEC_NOT_FOUND', 'ENOENT', 'no-such-program', 127],
  );
  const workdir = await caught(engine.run('busybox', ['true'], { workdir: '/nowhere' }));
  assert.equal(workdir.code, 'NO_WORKDIR');
  assert.equal(workdir.step, 'chdir /nowhere');
  assert.ok(workdir.remedy !== undefined && workdir.stepIndex !== undefined);
  assert.equal((await caught(engine.run('nope', ['true'], { pull: 'never' }))).code, 'NO_SUCH_IMAGE');
});

test('a hundred runs at once from one process: every exit code and output is its own', async () => {
  const runs = Array.from({ length: 100 }, (_, i) =>
    engine.run('busybox', ['sh', '-c', `echo ${i}; exit ${i}`]),
  );
  const results = await Promise.all(runs);
  for (const [i, result] of results.entries())
    assert.deepEqual([result.exitCode, result.stdout.text], [i, `${i}\n`]);
});

for (const runtime of ['node', 'bun']) {
  for (const name of readdirSync('examples').filter((file) => file.endsWith('.mjs'))) {
    test(`examples/${name} runs on ${runtime}`, async () => {
      const program = runtime === 'node' ? process.execPath : 'node_modules/.bin/bun';
      // They have the default root, and this machine keeps its own: another lies over it.
      const varLib = mkdtempSync('/var/tmp/mydocker-files-');
      const apart = 'mount --bind "$0" /var/lib && mount -t tmpfs none /run && exec "$@"';
      const words = ['--net', '--mount', 'sh', '-c', apart, varLib, program, `examples/${name}`];
      const result = await command('unshare', words);
      assert.equal(result.code, 0, result.stderr);
      assert.notEqual(result.stdout, '');
      // One only plans, and touches nothing.
      assert.equal(existsSync(`${varLib}/mydocker/images`), name !== 'plan.mjs');
      // What a container leaves is removed by a process of its own, which may still be at it.
      rmSync(varLib, { recursive: true, maxRetries: 20 });
    });
  }
}
