/** What engine.run() makes beforehand for the next one: that it is used, that nothing depends on it, and that nothing of it stays. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine } from '../../src/engine/index.ts';
import { shimBinary } from '../../src/shim/index.ts';
import { command, until } from './harness.ts';
import { clean, engine, heard, root, staged, waiting, warm } from './ready-bed.ts';

clean();

test('from the second run on a shim waits, and the next run is its own', async () => {
  await engine.run('busybox', ['true']);
  await sleep(100);
  assert.deepEqual(waiting(), [], 'nobody waits after one run');
  await engine.run('busybox', ['true']);
  await heard();
  assert.equal(staged().length, 2, 'a container’s directory and a run’s');
  for (let i = 0; i < 5; i++) {
    const [shim] = waiting();
    // Its parent is the monitor.
    const { stdout, stderr, exitCode } = await engine.run(
      'busybox',
      ['sh', '-c', 'cat; echo err >&2; hostname; exit 3'],
      { input: `run ${i}\n` },
    );
    assert.match(stdout.text, new RegExp(`^run ${i}\n[0-9a-f]{12}\n$`));
    assert.deepEqual([stderr.text, exitCode], ['err\n', 3]);
    assert.equal(waiting().includes(shim ?? 0), false, 'that one was used');
    await heard();
  }
});

test('it has a network namespace of its own, as empty as a new one', async () => {
  const own = async (): Promise<string> =>
    (
      await engine.run('busybox', [
        'sh',
        '-c',
        'readlink /proc/self/ns/net; ip -o link; ip route; cat /proc/net/unix | wc -l',
      ])
    ).stdout.text;
  const first = await own();
  await warm();
  const second = await own();
  assert.notEqual(first.split('\n')[0], second.split('\n')[0]);
  assert.deepEqual(second.split('\n').slice(1), first.split('\n').slice(1));
  assert.notEqual(second.split('\n')[0], (await command('readlink', ['/proc/self/ns/net'])).stdout.trim());
});

test('a start that uses what was made earlier began when it took that', async () => {
  await warm();
  await sleep(1500);
  const run = engine.run('busybox', ['sleep', '0.5']);
  let owner = '';
  await until('it starts', () => {
    const id = readdirSync(`${root}/run`).find((name) => /^[0-9a-f]{64}$/.test(name));
    owner = `${root}/run/${id}/owner`;
    return id !== undefined;
  });
  assert.ok(
    Date.now() - lstatSync(owner).mtimeMs < 1000,
    'others go by this while its shim has said nothing',
  );
  await run;
});

test('a shim killed while it waits, or in the moment it is asked, costs a run nothing', async () => {
  await warm();
  for (const pid of waiting()) process.kill(pid, 'SIGKILL');
  await until('it is gone', () => waiting().length === 0);
  await sleep(50);
  assert.equal((await engine.run('busybox', ['echo', 'on'])).stdout.text, 'on\n');
  for (let i = 0; i < 5; i++) {
    await warm();
    // Nobody has been told of its end when the run takes it.
    for (const pid of waiting()) process.kill(pid, 'SIGKILL');
    assert.equal((await engine.run('busybox', ['echo', 'on'])).stdout.text, 'on\n');
  }
});

test('what was made is not missed when it has been taken away', async () => {
  await warm();
  for (const name of ['containers', 'run'])
    for (const entry of readdirSync(`${root}/${name}`))
      rmSync(`${root}/${name}/${entry}`, { recursive: true });
  assert.equal((await engine.run('busybox', ['echo', 'on'])).stdout.text, 'on\n');
});

test('a run that fails before it starts gives back what it found', async () => {
  await warm();
  await assert.rejects(engine.run('nosuch', ['true'], { pull: 'never' }), { code: 'NO_SUCH_IMAGE' });
  await assert.rejects(engine.run('busybox', ['true'], { network: 'nosuch', input: 'a long line\n' }), {
    code: 'NO_SUCH_NETWORK',
  });
  const { stdout } = await engine.run('busybox', ['cat'], { input: 'short\n' });
  assert.equal(stdout.text, 'short\n');
  await warm();
  await assert.rejects(engine.run('busybox', ['nosuch']), { code: 'EXEC_NOT_FOUND' });
});

test('runs that are refused take nothing with them', async () => {
  await warm();
  for (const bad of [
    { stopSignal: 'SIGNOSUCH' },
    { name: '-' },
    { env: ['A=\0'] },
    { dns: ['no address'] },
  ]) {
    for (let i = 0; i < 2; i++)
      await assert.rejects(engine.run('busybox', ['true'], bad), { code: 'BAD_INPUT' });
  }
  assert.equal(staged().length, 2);
  assert.equal(waiting().length, 1);
});

test('close() is over when nothing is left, and nothing comes after it, of runs under way neither', async () => {
  await warm();
  await engine.close();
  assert.deepEqual([waiting(), staged()], [[], []]);
  await warm();
  const under = engine.run('busybox', ['sleep', '0.2']);
  await engine.close();
  await under;
  await sleep(100);
  assert.deepEqual([waiting(), staged()], [[], []]);
});

test('an abort in the middle of a start is heard', async () => {
  for (const first of [false, true]) {
    if (first) await warm();
    const stop = new AbortController();
    const run = engine.run('busybox', ['sleep', '100'], { signal: stop.signal });
    setTimeout(() => stop.abort(new Error('enough')), 0);
    await assert.rejects(run, /enough/);
  }
});

test('keepReady: false keeps nothing', async () => {
  const plain = new Engine({ root, defaultNetwork: 'none', keepReady: false });
  for (let i = 0; i < 3; i++) await plain.run('busybox', ['true']);
  await sleep(100);
  assert.deepEqual([waiting(), staged()], [[], []]);
});

test('a shim that waits takes a plan from nobody but its parent', async () => {
  await engine.run('busybox', ['true']);
  const start = async (): Promise<[shim: ChildProcess, socket: Socket, end: Promise<number | null>]> => {
    const shim = spawn(shimBinary(root), ['waiting', '------------'], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'ignore'],
    });
    const end = new Promise<number | null>((resolve) => shim.once('exit', (code) => resolve(code)));
    const socket = shim.stdio[3] as Socket;
    await new Promise((resolve) => socket.once('data', resolve));
    return [shim, socket, end];
  };
  const [, closed, quiet] = await start();
  closed.destroy();
  assert.equal(await quiet, 0, 'the end of its socket is its own');
  const [shim, socket, refused] = await start();
  socket.pause();
  const stranger = spawn('sh', ['-c', 'printf "0123456789abMDPL" >&3'], {
    stdio: ['ignore', 'ignore', 'inherit', socket],
  });
  await new Promise((resolve) => stranger.once('exit', resolve));
  assert.equal(await refused, 1, 'another process has the socket, and is not asked');
  assert.equal(shim.signalCode, null);
});
