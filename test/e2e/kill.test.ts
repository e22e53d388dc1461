/** kill -9 of the command line at random moments: nothing leaks, and no container is in an impossible state. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroups, EXECUTABLE, Host, leftovers, NO_NETWORK, settle, until } from './harness.ts';
import { random, seed } from './random.ts';
import { shims, stateOf } from './state.ts';
import { CgroupWatch } from './walk.ts';

/** A start whose caller died is given this long to come up (START_GRACE_MS of src/engine/status.ts), and a bit. */
const GRACE_MS = 5200;
const LANES = 4;

const host = new Host();

/** Starts the program and kills it, and only it, after the time. */
function killed(args: readonly string[], afterMs: number, root = host.root): Promise<void> {
  const child = spawn(EXECUTABLE, [...args], {
    stdio: 'ignore',
    env: { ...NO_NETWORK, MYDOCKER_ROOT: root },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Does it for every item, LANES at a time. */
async function inLanes<T>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) await act(items[i] as T, i);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

interface Row {
  ID: string;
  Names: string;
  State: string;
  Pid: number | string;
}

async function rows(): Promise<Row[]> {
  const text = await host.ok('ps', '--no-trunc', '--format', 'json');
  return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Row);
}

/** What there is when monitors have finished what killed commands began: one for each container that runs, no other. */
async function settledRows(): Promise<Row[]> {
  const text = (list: readonly Row[]) => list.map((row) => `${row.ID} ${row.State} ${row.Pid}`).join('\n');
  let list = await rows();
  await until('one monitor for each running container, and all stays as it is', async () => {
    settle(host.root);
    const before = text(list);
    list = await rows();
    const running = list.filter((row) => row.State === 'running');
    return text(list) === before && shims(host.root).length === running.length;
  });
  return list;
}

/** Every running container really runs, with one monitor each, and nobody else is there. */
async function checkStates(allowed: readonly string[]): Promise<Row[]> {
  const list = await settledRows();
  for (const row of list) {
    assert.ok(allowed.includes(row.State), `${row.Names} is ${row.State}`);
    if (row.State === 'running') {
      assert.match(
        readFileSync(`/proc/${row.Pid}/cgroup`, 'utf8'),
        new RegExp(row.ID),
        'its process is in its cgroup',
      );
      const commandLine = readFileSync(`/proc/${row.Pid}/cmdline`, 'utf8');
      assert.match(commandLine, /^(sleep\x00600\x00|mydocker-init\x00*)$/);
    } else {
      assert.ok(
        !existsSync(`${host.root}/run/${row.ID}`),
        `${row.Names} is ${row.State}, its run directory is gone`,
      );
      assert.deepEqual(
        cgroups().filter((path) => path.endsWith(row.ID)),
        [],
      );
    }
  }
  for (const directory of ['containers', 'names', 'run', 'layers']) {
    const unfinished = readdirSync(`${host.root}/${directory}`).filter((name) => name.startsWith('.'));
    assert.deepEqual(unfinished, [], `nothing unfinished in ${directory}`);
  }
  return list;
}

/** All containers go, and the root is what it was before the first one. */
async function checkAllGo(before: readonly string[]): Promise<void> {
  const list = await rows();
  if (list.length > 0) await host.ok('rm', '-f', ...list.map((row) => row.ID));
  assert.deepEqual(leftovers(host.root), []);
  assert.deepEqual(
    cgroups().filter((path) => list.some((row) => path.endsWith(row.ID))),
    [],
  );
  await until('no shim is left', () => shims(host.root).length === 0);
  assert.deepEqual(stateOf(host.root), before);
}

/** How long a run takes on this machine now: moments to kill one are spread over a bit more than that. */
let runMs = 40;

async function prepared(): Promise<string[]> {
  await host.ok('run', '--rm', 'busybox', 'true');
  const startMs = performance.now();
  await inLanes(Array(LANES).fill('true'), async (program) => {
    await host.ok('run', '--rm', 'busybox', program);
  });
  runMs = Math.ceil(Math.max(40, performance.now() - startMs) * 1.5);
  return stateOf(host.root);
}

test('kill -9 of 200 runs at random moments leaks nothing', async () => {
  const before = await prepared();
  const watch = new CgroupWatch();
  const kinds = [
    ['-d', 'sleep'],
    ['-d', '--rm', 'sleep'],
    ['sleep'],
    ['--rm', 'sleep'],
    ['--rm', 'true'],
    ['-d', 'true'],
    ['-d', '--init', '-m', '64m', 'sleep'],
    ['true'],
  ];
  const runs = Array.from({ length: 200 }, (_, i) => ({
    kind: kinds[i % kinds.length] ?? [],
    delayMs: random(runMs),
  }));
  await inLanes(runs, async ({ kind, delayMs }, i) => {
    const flags = kind.slice(0, -1);
    const program = kind.at(-1) === 'sleep' ? ['sleep', '600'] : ['true'];
    await killed(['run', ...flags, '--name', `k${i}`, 'busybox', ...program], delayMs);
  });
  await sleep(GRACE_MS);
  const list = await checkStates(['running', 'stopped']);
  const states = list.map((row) => row.State);
  assert.ok(states.includes('running'), `some came up (seed ${seed}): ${states.join(' ')}`);
  await checkAllGo(before);
  watch.look('the 200');
  await watch.settle();
});

test('kill -9 of the shims of 80 runs at random moments leaks nothing', async () => {
  const before = await prepared();
  const watch = new CgroupWatch();
  const kinds = [['--rm', 'true'], ['-d', 'sleep'], ['sleep'], ['-d', '--rm', 'sleep']];
  for (let i = 0; i < 80; i++) {
    const kind = kinds[i % kinds.length] ?? [];
    const program = kind.at(-1) === 'sleep' ? ['sleep', '600'] : ['true'];
    const words = ['run', ...kind.slice(0, -1), '--name', `m${i}`, 'busybox', ...program];
    const ended = host.run(words, { timeoutMs: 20_000 });
    await sleep(random(runMs));
    const killer = setInterval(() => {
      for (const pid of shims(host.root)) if (commandLineOf(pid).includes('launch')) killIfThere(pid);
    }, 2);
    const { code, stderr } = await ended;
    clearInterval(killer);
    for (const pid of shims(host.root)) killIfThere(pid);
    assert.ok([0, 125, 137].includes(code), `seed ${seed}, run ${i}: exit ${code}: ${stderr}`);
    assert.match(stderr, /^(mydocker: [^\n]*\n)?$/);
  }
  await until('the killed ones are gone', () => shims(host.root).length === 0);
  await checkStates(['stopped']);
  await checkAllGo(before);
  watch.look('the 80');
  await watch.settle();
});

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    // It ended between the listing and this look.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH'))
      return '';
    throw error;
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

test('kill -9 of the very first run, while the image is unpacked, leaves nothing unfinished', async () => {
  for (let i = 0; i < 12; i++) {
    const fresh = new Host();
    await killed(['run', '--rm', 'busybox', 'true'], random(120), fresh.root);
    assert.equal(await fresh.ok('run', '--rm', 'busybox', 'echo', 'up'), 'up');
    await fresh.ok('ps');
    const unfinished = stateOf(fresh.root).filter((line) => /\/\.(tmp|new)-|\.tmp/.test(line));
    assert.deepEqual(unfinished, [], `seed ${seed}, round ${i}`);
    await fresh.close();
  }
});

test('kill -9 of rm at random moments: the container is whole or gone', async () => {
  const before = await prepared();
  const names = Array.from({ length: 24 }, (_, i) => `r${i}`);
  await inLanes(names, async (name, i) => {
    await host.ok(
      'run',
      ...(i % 2 === 0 ? ['-d'] : []),
      '--name',
      name,
      'busybox',
      ...(i % 2 === 0 ? ['sleep', '600'] : ['true']),
    );
    await killed(['rm', '-f', name], random(runMs));
  });
  for (const row of await checkStates(['running', 'stopped'])) {
    if (row.State === 'stopped') await host.ok('start', row.ID);
  }
  await inLanes(names, async (name) => {
    const { code } = await host.run(['inspect', name]);
    if (code !== 0) await host.ok('create', '--name', name, 'busybox', 'true');
  });
  await checkAllGo(before);
});

test('kill -9 of stop at random moments: it runs on or has stopped', async () => {
  const before = await prepared();
  const names = Array.from({ length: 16 }, (_, i) => `s${i}`);
  await inLanes(names, async (name) => {
    await host.ok('run', '-d', '--name', name, 'busybox', 'sleep', '600');
    await killed(['stop', name], random(runMs));
  });
  await checkStates(['running', 'stopped']);
  await checkAllGo(before);
});

test('kill -9 of commit at random moments: never left frozen, the image is whole or not there', async () => {
  const before = await prepared();
  await host.ok('run', '-d', '--name', 'cc', 'busybox', 'sleep', '600');
  await host.ok('exec', 'cc', 'dd', 'if=/dev/urandom', 'of=/data', 'bs=1M', 'count=8');
  for (let i = 0; i < 16; i++) {
    await killed(['commit', 'cc', `made${i}`], random(3 * runMs));
    const { code, stdout } = await host.run(['exec', 'cc', 'echo', 'thawed'], { timeoutMs: 5000 });
    assert.deepEqual([code, stdout], [0, 'thawed\n'], `round ${i}, seed ${seed}`);
    const { code: found } = await host.run(['inspect', '--type', 'image', `made${i}`]);
    if (found !== 0) continue;
    assert.equal(await host.ok('run', '--rm', `made${i}`, 'stat', '-c', '%s', '/data'), String(8 << 20));
    await host.ok('rmi', `made${i}`);
  }
  await checkStates(['running']);
  await checkAllGo(before);
});
