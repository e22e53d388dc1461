/** Programs that run one container after the other, and end in every way: nothing of what was ready stays. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { test } from 'node:test';
import { command, EXECUTABLE, processes, until } from './harness.ts';
import { clean, engine, oneWaits, root, SHIM, staged, waiting } from './ready-bed.ts';

const BUN = 'node_modules/.bin/bun';
const LIBRARY = `${process.cwd()}/build/src/engine/index.js`;

clean();

/** Three runs, with time to make the next ready. */
const RUNS = `
  setAssets(${JSON.stringify(SHIM)});
  const engine = new Engine({ root: ${JSON.stringify(root)}, defaultNetwork: 'none' });
  for (let i = 0; i < 3; i++) {
    const { exitCode } = await engine.run('busybox', ['true']);
    if (exitCode !== 0) throw new Error('exit ' + exitCode);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
`;
const program = (last: string): string =>
  `import { Engine, setAssets } from ${JSON.stringify(LIBRARY)};\n${RUNS}${last}`;

/** A program of its own; what it printed. Fails when it does. */
async function printed(text: string, ...before: string[]): Promise<string> {
  const words = [...before, process.execPath, '--input-type=module', '-e', program(text)];
  const { code, stdout, stderr } = await command(words[0] ?? '', words.slice(1));
  assert.equal(code, 0, stderr);
  return stdout;
}

test('a program that has no descriptors left when the next start is made ready goes on', async () => {
  for (let free = 0; free < 12; free++) {
    const text = `
      const { openSync, closeSync, readdirSync, readlinkSync } = await import('node:fs');
      const read = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd); } catch { return ''; } };
      // Ours are files without a name. Node itself leaves a socket, and libuv keeps /dev/null for such a day.
      const count = () => readdirSync('/proc/self/fd').filter((fd) => read(fd).endsWith(' (deleted)')).length;
      await engine.close();
      await engine.run('busybox', ['true']);
      const before = count();
      await engine.run('busybox', ['true']);
      const taken = [];
      for (;;) try { taken.push(openSync('/dev/null')); } catch { break; }
      for (let i = 0; i < ${free}; i++) closeSync(taken.pop());
      await new Promise((resolve) => setTimeout(resolve, 100));
      for (const fd of taken) closeSync(fd);
      await engine.close();
      console.log(count() - before);
      const { stdout } = await engine.run('busybox', ['echo', 'on']);
      console.log(stdout.text);
    `;
    assert.equal(
      await printed(text, 'sh', '-c', 'ulimit -n 100; exec "$@"', 'sh'),
      '0\non\n\n',
      `${free} free`,
    );
    await until('no shim is left', () => processes(`${root}/bin/shim-`).length === 0);
    assert.deepEqual(staged(), [], `${free} free`);
  }
});

test('a program that gives up being root ends as it would have', async () => {
  assert.equal(
    await printed('process.setgroups([]); process.setgid(65534); process.setuid(65534); console.log("on");'),
    'on\n',
  );
  await until('its shim has ended', () => waiting().length === 0);
  // It may not remove its directories any more.
  await engine.run('busybox', ['true']);
});

test('a thread keeps nothing', async () => {
  const work = `(async () => {
    const { Engine, setAssets } = await import(${JSON.stringify(LIBRARY)});
    ${RUNS}
    (await import('node:worker_threads')).parentPort.postMessage('done');
    setInterval(() => {}, 1000);
  })();`;
  const text = `
    const { Worker } = await import('node:worker_threads');
    await engine.close();
    const worker = new Worker(${JSON.stringify(work)}, { eval: true });
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    console.log('on');
  `;
  assert.equal(await printed(text), 'on\n');
  assert.deepEqual([waiting(), staged()], [[], []]);
});

for (const runtime of [process.execPath, BUN]) {
  const name = runtime === BUN ? 'Bun' : 'Node';
  const run = (last: string): ChildProcess =>
    spawn(runtime, runtime === BUN ? ['-e', program(last)] : ['--input-type=module', '-e', program(last)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const ended = (child: ChildProcess): Promise<number | null> =>
    new Promise((resolve) => child.once('exit', (code) => resolve(code)));

  test(`a program on ${name} that has nothing more to do ends, and nothing stays`, async () => {
    const fromMs = Date.now();
    assert.equal(await ended(run('')), 0);
    assert.ok(Date.now() - fromMs < 9000, 'it does not wait for what is ready to be dropped');
    await until('its shim has ended', () => waiting().length === 0);
    assert.deepEqual(staged(), []);
  });

  test(`a program on ${name} that ends by process.exit() leaves nothing`, async () => {
    assert.equal(await ended(run('process.exit(4);')), 4);
    await until('its shim has ended', () => waiting().length === 0);
    assert.deepEqual(staged(), []);
  });

  test(`a program on ${name} that is killed leaves no process, and the next command clears its directories`, async () => {
    const child = run('console.log("ready"); setInterval(() => {}, 1000);');
    const end = ended(child);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    await oneWaits();
    child.kill('SIGKILL');
    await end;
    await until('its shim has ended', () => waiting().length === 0);
    const env = { MYDOCKER_ROOT: root };
    await command(EXECUTABLE, ['run', '--rm', '--network', 'none', 'busybox', 'true'], { env });
    assert.deepEqual(staged(), []);
  });
}
