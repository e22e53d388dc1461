/** What engine.run() makes beforehand for the next one: that it is used, that nothing depends on it, and that nothing of it stays. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Engine, setAssets } from '../../src/engine/index.ts';
import { shimBinary } from '../../src/shim/index.ts';
import { command, EXECUTABLE, leftovers, processes, settle, until } from './harness.ts';

const root = mkdtempSync('/var/tmp/mydocker-e2e-');
const assets = `${dirname(EXECUTABLE)}/assets`;
/** The shim under test: also the one that checks its own memory. */
const SHIM = { shim: `${assets}/shim`, 'shim.id': `${assets}/shim.id` };
setAssets(SHIM);
const engine = new Engine({ root, defaultNetwork: 'none' });
const BUN = 'node_modules/.bin/bun';
const LIBRARY = `${process.cwd()}/build/src/engine/index.js`;

after(() => rmSync(root, { recursive: true, force: true }));
afterEach(async () => {
  await engine.close();
  assert.deepEqual(waiting(), []);
  await until('no shim is left', () => processes(`${root}/bin/shim-`).length === 0);
  assert.deepEqual(leftovers(root), []);
});

/** Shims that wait. */
const waiting = (): number[] =>
  processes(`${root}/bin/shim-`).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[1] === 'waiting';
    } catch {
      return false;
    }
  });
/** One waits, and has said so: it is past its last step before that. */
const oneWaits = (): Promise<void> =>
  until('a shim waits', () =>
    waiting().some(
      (pid) =>
        readFileSync(`/proc/${pid}/wchan`, 'utf8').includes('stream_data_wait') ||
        readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') S '),
    ),
  );
const staged = (): string[] => {
  settle(root);
  return ['containers', 'run'].flatMap((name) =>
    readdirSync(`${root}/${name}`).filter((entry) => /^\.(new|tmp)-/.test(entry)),
  );
};

async function warm(): Promise<void> {
  for (let i = 0; i < 2; i++) assert.equal((await engine.run('busybox', ['true'])).exitCode, 0);
  await oneWaits();
  // Its word has come through.
  await sleep(50);
}

test('from the second run on a shim waits, and the next run is its own', async () => {
  await engine.run('busybox', ['true']);
  await sleep(100);
  assert.deepEqual(waiting(), [], 'nobody waits after one run');
  await engine.run('busybox', ['true']);
  await oneWaits();
  await sleep(50);
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
    await oneWaits();
    await sleep(50);
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
