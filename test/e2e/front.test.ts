/** A foreground command becomes the shim while its program runs: native/front.c. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { command, EXECUTABLE, Host, leftovers, NO_NETWORK, settle, until } from './harness.ts';

const host = new Host();
const all: ChildProcess[] = [];
after(() => all.map((child) => child.kill('SIGKILL')));

interface Started {
  child: ChildProcess;
  pid: number;
  /** Exit code, or the signal that ended it. */
  ended: Promise<number | string>;
  output(): string;
}

function start(args: readonly string[], root = host.root): Started {
  const child = spawn(EXECUTABLE, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...NO_NETWORK, MYDOCKER_ROOT: root },
  });
  all.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += String(data)));
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? '')),
  );
  return { child, pid: child.pid ?? 0, ended, output: () => text };
}

const isFront = (pid: number): boolean =>
  /\/bin\/shim-/.test(readlinkSync(`/proc/${pid}/exe`)) &&
  readFileSync(`/proc/${pid}/status`, 'utf8').startsWith('Name:\tmydocker\n');
/** Files a front needs, below run/: none where nobody is in the foreground. */
function files(): string[] {
  // A front is told before the monitor has removed its run directory, which has such a name by then.
  settle(host.root);
  return readdirSync(`${host.root}/run`).filter((name) => name.startsWith('.tmp-'));
}

test('run and exec in the foreground wait as the shim, in a fraction of the memory', async () => {
  const running = start(['run', '--rm', '--name', 'low', 'busybox', 'sleep', '1000']);
  await until('the command is the front', () => isFront(running.pid));
  const status = readFileSync(`/proc/${running.pid}/status`, 'utf8');
  const kb = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  // The sanitizer's shadow memory is no part of it.
  if (process.env.MYDOCKER_TEST_EXECUTABLE === undefined) assert.ok(kb < 1000, `${kb} kB`);
  assert.match(
    readFileSync(`/proc/${running.pid}/cmdline`, 'latin1'),
    /\0run\0--rm\0--name\0low\0busybox\0sleep\0/,
  );
  assert.ok((await host.ok('ps', '--filter', 'name=low')).includes('low'));
  const inside = start(['exec', 'low', 'sh', '-c', 'echo on; sleep 1000']);
  await until(
    'exec is one too, and its program runs',
    () => isFront(inside.pid) && inside.output() === 'on\n',
  );
  assert.equal(files().length, 4);
  await host.ok('stop', 'low');
  assert.equal(await running.ended, 137);
  assert.equal(await inside.ended, 137);
  assert.deepEqual([files(), running.output(), inside.output()], [[], '', 'on\n']);
});

test('what a program ends with is what the command ends with; its output is whole', async () => {
  for (const code of [0, 1, 42, 255])
    assert.equal((await host.run(['run', '--rm', 'busybox', 'sh', '-c', `exit ${code}`])).code, code);
  const both = await host.run(['run', '--rm', 'busybox', 'sh', '-c', 'seq 20000; seq 20000 >&2; exit 3']);
  const lines = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join('');
  assert.deepEqual(both, { code: 3, stdout: lines, stderr: lines });
  assert.deepEqual(leftovers(host.root), []);
});

test('signals of every kind go on to the program, also with a root whose path is long', async () => {
  const root = `${host.root}/${'long'.repeat(40)}`;
  mkdirSync(root);
  for (const at of [host.root, root]) {
    const script =
      'for s in INT HUP QUIT USR1 USR2; do trap "echo $s" $s; done; trap "echo TERM; exit 9" TERM; echo on; while :; do sleep 0.05; done';
    const running = start(['run', '--rm', 'busybox', 'sh', '-c', script], at);
    await until('it runs', () => running.output() === 'on\n');
    for (const name of ['INT', 'HUP', 'QUIT', 'USR1', 'USR2', 'TERM'] as const) {
      process.kill(running.pid, `SIG${name}`);
      await until(`SIG${name} is there`, () => running.output().includes(`${name}\n`));
    }
    assert.equal(await running.ended, 9);
  }
});

test('a signal at any moment of the start: the command ends by it, or the program gets it; nothing is left', async () => {
  let told = 0;
  const from = Date.now();
  await host.ok('run', '--rm', 'busybox', 'true');
  const wholeMs = Date.now() - from;
  for (let round = 0; round < 30; round++) {
    const running = start([
      'run',
      '--rm',
      'busybox',
      'sh',
      '-c',
      'trap "exit 9" TERM; while :; do sleep 0.02; done',
    ]);
    await sleep((round / 20) * wholeMs);
    // One that comes to process 1 before it has said what to do is dropped by the kernel: it gets another.
    let end: number | string | undefined;
    void running.ended.then((value) => (end = value));
    await until('it ends', async () => {
      running.child.kill('SIGTERM');
      await sleep(200);
      return end !== undefined;
    });
    assert.ok(end === 'SIGTERM' || end === 9, String(end));
    if (end !== 'SIGTERM') told++;
  }
  assert.ok(told > 0, 'at least one came to the program');
  await until('nothing is left', async () => {
    await host.ok('ps');
    return leftovers(host.root).length + files().length === 0;
  }).catch((error: unknown) => assert.deepEqual([leftovers(host.root), files()], [[], []], String(error)));
});

test('kill -9 of the front: the program goes on, and what the front left is swept', async () => {
  const running = start(['run', '--name', 'orphan', 'busybox', 'sleep', '1000']);
  await until('the command is the front', () => isFront(running.pid));
  await until('it runs', async () => (await host.ok('ps', '-q', '-f', 'status=running')) !== '');
  running.child.kill('SIGKILL');
  assert.equal(await running.ended, 'SIGKILL');
  assert.match(await host.ok('ps', '--filter', 'name=orphan'), /running/);
  assert.deepEqual(files(), []);
  await host.ok('rm', '-f', 'orphan');
});

test('kill -9 of the monitor: the front says so, with the code of a killed program', async () => {
  const running = start(['run', '--name', 'lost', 'busybox', 'sleep', '1000']);
  await until('it runs', async () => (await host.ok('ps', '-q', '-f', 'status=running')) !== '');
  await until('the command is the front', () => isFront(running.pid));
  const children = readFileSync(`/proc/${running.pid}/task/${running.pid}/children`, 'latin1');
  process.kill(Number(children.trim()), 'SIGKILL');
  assert.equal(await running.ended, 137);
  assert.match(running.output(), /^mydocker: the monitor of lost was killed, and the container with it; /);
  assert.deepEqual(files(), []);
  await host.ok('rm', '-f', 'lost');
});

test('what the caller keeps open stays open until the command ends: its lock', async () => {
  const lock = `${host.root}/lock`;
  const line = 'exec 9>"$L"; flock -n 9 || exit 8; exec "$M" run --rm --name locked busybox sleep 1000';
  const child = spawn('sh', ['-c', line], {
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ...NO_NETWORK, MYDOCKER_ROOT: host.root, L: lock, M: EXECUTABLE },
  });
  const isFree = async (): Promise<boolean> => (await command('flock', ['-n', lock, 'true'])).code === 0;
  await until(
    'it runs',
    async () => (await host.ok('ps', '-q', '-f', 'name=locked', '-f', 'status=running')) !== '',
  );
  assert.equal(await isFree(), false);
  await host.ok('rm', '-f', 'locked');
  await until('it has ended', () => child.exitCode !== null);
  assert.equal(await isFree(), true);
});

test('exec is possible on a full disk', async () => {
  const place = `${host.root}/small`;
  mkdirSync(place);
  const script = `mount -t tmpfs -o size=24m none ${place} && export MYDOCKER_ROOT=${place} &&
    "$M" run -d --name full busybox sleep 1000 >/dev/null && { dd if=/dev/zero of=${place}/fill bs=4k 2>/dev/null; true; } &&
    "$M" exec full echo fine; "$M" exec full sh -c 'exit 6'; code=$?; rm ${place}/fill; "$M" rm -f full >/dev/null; exit $code`;
  const env = { ...NO_NETWORK, M: EXECUTABLE };
  const { code, stdout, stderr } = await command('unshare', ['-m', 'sh', '-c', script], { env });
  assert.deepEqual([code, stdout, stderr], [6, 'fine\n', '']);
});

test('a failed step is told as before, with its reason, by --debug too', async () => {
  const plain = await host.fails(125, 'run', '--rm', '-w', '/nowhere', 'busybox', 'true');
  assert.match(plain, /step \d+, chdir \/nowhere: ENOENT: the image has no such directory; give/);
  const { code, stderr } = await host.run(['--debug', 'run', '--rm', 'busybox', 'nosuch']);
  assert.equal(code, 127);
  assert.match(stderr, /execute nosuch: ENOENT: no directory of PATH has it.*\n.*MydockerError/s);
  const reason = await host.run(['run', '--rm', 'busybox', 'true'], { env: { MYDOCKER_FAIL_STEP: '9:EIO' } });
  assert.match(reason.stderr, /step 9, .*: EIO: input\/output error \([a-z_, ]+: .+\)/);
  assert.deepEqual([files(), leftovers(host.root)], [[], []]);
});

test('the word that the front gives back is nobody else’s', async () => {
  for (const words of [['!ended'], ['!ended', 'run', 'x'], ['!ended', 'walk', 'a', 'b', 'c', 'd']])
    assert.match(await host.fails(125, ...words), /this is for the program itself; see: mydocker --help/);
  for (const path of ['/nowhere/c', `${host.root}/run/../images/index.json`, `${host.root}/run/owner`]) {
    const other = await host.fails(125, '!ended', 'run', 'a', 'b', path, path);
    assert.match(other, /is nothing that a front left; see: mydocker --help/);
  }
  // Without the shim's caller there is nothing to wait for: it says so by its exit code, and touches nothing.
  const shim = `${host.root}/bin/${readdirSync(`${host.root}/bin`).find((name) => /^shim-[0-9a-f]+$/.test(name))}`;
  assert.equal((await command(shim, ['front'])).code, 2);
});
