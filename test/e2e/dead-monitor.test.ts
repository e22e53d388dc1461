/** Monitors that were killed, machines that were restarted, pids that are somebody else's by now. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { cgroups, command, EXECUTABLE, Host, processes, until } from './harness.ts';
import { shims } from './state.ts';

const host = new Host();

interface State {
  pid: number;
  startTicks: number;
  monitorPid: number;
  monitorStartTicks: number;
  bootId: string;
}

const stateFile = (id: string): string => `${host.root}/run/${id}/state.json`;
const readState = (id: string): State => JSON.parse(readFileSync(stateFile(id), 'utf8')) as State;

function editState(id: string, change: Partial<State>): void {
  writeFileSync(stateFile(id), JSON.stringify({ ...readState(id), ...change }));
}

function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Field 22 of /proc/PID/stat. */
function startTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}

async function killMonitor(id: string): Promise<void> {
  const { pid, monitorPid } = readState(id);
  process.kill(monitorPid, 'SIGKILL');
  await until(
    `process 1 of ${id.slice(0, 12)} died with its monitor`,
    () => !alive(pid) && !alive(monitorPid),
  );
}

async function status(id: string): Promise<string> {
  return host.ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}', id);
}

async function listed(): Promise<string> {
  return host.ok('ps', '--no-trunc', '--format', '{{.ID}} {{.State}}');
}

/** A process that nobody may touch. */
function bystander(): ChildProcess & { pid: number } {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  assert.ok(child.pid !== undefined);
  return child as ChildProcess & { pid: number };
}

test('killed monitors: the next command shows their containers as stopped, those of --rm are gone', async () => {
  const programs = [
    ['sleep', '600'],
    ['sh', '-c', 'sleep 600 & sleep 600'],
    ['sh', '-c', 'trap "" TERM INT; while :; do sleep 1; done'],
  ];
  const flagSets = [[], ['-u', '1000'], ['--init'], ['-t']];
  const started = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const removed = i % 2 === 1;
      const flags = [...(removed ? ['--rm'] : []), ...(flagSets[i % flagSets.length] ?? [])];
      const program = programs[i % programs.length] ?? [];
      return { id: await host.ok('run', '-d', ...flags, 'busybox', ...program), removed };
    }),
  );
  await Promise.all(started.map(({ id }) => killMonitor(id)));
  const rows = (await listed()).split('\n').sort();
  const kept = started.filter(({ removed }) => !removed).map(({ id }) => `${id} stopped`);
  assert.deepEqual(rows, kept.sort());
  for (const { id, removed } of started) {
    assert.deepEqual(
      cgroups().filter((path) => path.endsWith(id)),
      [],
    );
    assert.equal(existsSync(`${host.root}/run/${id}`), false);
    if (!removed) assert.equal(await status(id), 'exited 137 its monitor was killed, and it with it');
  }
  await until('no shim is left', () => shims(host.root).length === 0);
  const [first] = started;
  assert.ok(first !== undefined);
  await host.ok('start', first.id);
  assert.match(await status(first.id), /^running 0/, 'and they start again');
  await host.ok('rm', '-f', ...started.filter(({ removed }) => !removed).map(({ id }) => id));
});

test('a killed monitor is noticed by every command, not only by ps', async () => {
  const commands: ReadonlyArray<readonly [args: string[], code: number]> = [
    [['stop', 'bird'], 0],
    [['kill', 'bird'], 1],
    [['exec', 'bird', 'true'], 1],
    [['wait', 'bird'], 0],
    [['inspect', 'bird'], 0],
    [['logs', 'bird'], 0],
    [['commit', 'bird', 'made'], 0],
    [['attach', 'bird'], 1],
    [['rename', 'bird', 'other'], 0],
    [['start', 'bird'], 0],
    [['restart', 'bird'], 0],
    [['rm', 'bird'], 0],
    [['rm', '-f', 'bird'], 0],
  ];
  for (const [args, code] of commands) {
    const id = await host.ok('run', '-d', '--name', 'bird', 'busybox', 'sleep', '600');
    await killMonitor(id);
    const result = await host.run(args, { timeoutMs: 10_000 });
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stderr}`);
    if (args[0] === 'wait') assert.equal(result.stdout, '137\n');
    await host.ok('ps');
    if (args[0] !== 'rm') await host.ok('rm', '-f', id);
  }
  await host.ok('rmi', 'made');
});

test('a killed monitor during exec: the program that was executed goes with its container', async () => {
  const id = await host.ok('run', '-d', 'busybox', 'sleep', '600');
  await host.ok('exec', '-d', id, 'sleep', '601');
  const executed = processes('sleep\x00601');
  assert.equal(executed.length, 1);
  await killMonitor(id);
  await until('the executed program is gone', () => executed.every((pid) => !alive(pid)));
  await host.ok('rm', '-f', id);
});

test('a killed shim of exec: its program goes, the container runs on', async () => {
  const id = await host.ok('run', '-d', 'busybox', 'sleep', '600');
  await host.ok('exec', '-d', id, 'sleep', '602');
  const executed = processes('sleep\x00602');
  const { monitorPid } = readState(id);
  const others = shims(host.root).filter(
    (pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(id.slice(0, 12)) && pid !== monitorPid,
  );
  assert.equal(others.length, 1, 'one shim for the exec');
  for (const pid of others) process.kill(pid, 'SIGKILL');
  await until('the executed program is gone', () => executed.every((pid) => !alive(pid)));
  assert.match(await status(id), /^running/);
  await host.ok('rm', '-f', id);
});

test('a restarted machine: what ran is stopped and says why', async () => {
  const kept = await host.ok('run', '-d', 'busybox', 'sleep', '600');
  const removed = await host.ok('run', '-d', '--rm', 'busybox', 'sleep', '600');
  for (const id of [kept, removed]) {
    editState(id, { bootId: '00000000-0000-0000-0000-000000000000' });
    await killMonitor(id);
  }
  assert.equal(await listed(), `${kept} stopped`);
  assert.equal(await status(kept), 'exited 255 the host was restarted');
  assert.equal(await host.ok('start', kept), kept);
  await host.ok('rm', '-f', kept);
});

test('a restarted machine whose /run is empty: what ran is stopped, and keeps its writes', async () => {
  const ids = [];
  for (const flags of [[], ['--rm']])
    ids.push(
      await host.ok('run', '-d', ...flags, 'busybox', 'sh', '-c', 'echo kept > /kept; exec sleep 600'),
    );
  const [kept = '', removed = ''] = ids;
  const made = await host.ok('create', 'busybox', 'true');
  await until('it wrote', () => existsSync(`${host.root}/containers/${kept}/upper/kept`));
  for (const id of [kept, removed]) await killMonitor(id);
  for (const name of readdirSync(`${host.root}/run`)) rmSync(`${host.root}/run/${name}`, { recursive: true });
  // A restart takes the cgroups too. The record of the run is what the other boot's monitor wrote.
  for (const path of cgroups().filter((path) => [kept, removed].some((id) => path.endsWith(id)))) {
    rmdirSync(`/sys/fs/cgroup/${path.replace('/', '/mydocker/')}`);
  }
  writeFileSync(`${host.root}/containers/${kept}/running`, '00000000-0000-0000-0000-000000000000');
  assert.deepEqual((await listed()).split('\n').sort(), [`${kept} stopped`, `${made} created`].sort());
  assert.equal(await status(kept), 'exited 255 the host was restarted');
  await host.ok('start', kept);
  assert.equal(await host.ok('exec', kept, 'cat', '/kept'), 'kept');
  await host.ok('rm', '-f', kept, made);
});

test('a pid that is somebody else’s by now is never shown as running and never touched', async () => {
  const other = bystander();
  try {
    const ticks = startTicks(other.pid);
    // Same number, other start time; then even a state that claims the stranger's boot but not its start.
    const changes: Array<Partial<State>> = [
      { monitorPid: other.pid, pid: other.pid },
      { monitorPid: other.pid, monitorStartTicks: ticks - 1, pid: other.pid, startTicks: ticks - 1 },
      {
        monitorPid: other.pid,
        monitorStartTicks: ticks,
        bootId: 'another boot',
        pid: other.pid,
        startTicks: ticks,
      },
    ];
    for (const change of changes) {
      for (const args of [
        ['ps'],
        ['kill', 'bird'],
        ['stop', 'bird'],
        ['exec', 'bird', 'true'],
        ['rm', '-f', 'bird'],
      ]) {
        const id = await host.ok('run', '-d', '--name', 'bird', 'busybox', 'sleep', '600');
        await killMonitor(id);
        editState(id, change);
        const { stdout, stderr } = await host.run(args, { timeoutMs: 10_000 });
        assert.doesNotMatch(stdout + stderr, /running +sleep/);
        assert.ok(alive(other.pid), `the stranger lives after ${args.join(' ')}`);
        assert.doesNotMatch(await listed(), /running/);
        if (args[0] !== 'rm') await host.ok('rm', '-f', 'bird');
        assert.ok(alive(other.pid), 'and after rm -f');
      }
    }
  } finally {
    other.kill('SIGKILL');
  }
});

test('process 1’s pid is somebody else’s by now: no signal reaches it, whatever the record says', async () => {
  const other = bystander();
  try {
    const ticks = startTicks(other.pid);
    for (const args of [
      ['stop', '-t', '1', 'bird'],
      ['kill', 'bird'],
      ['kill', '-s', 'USR1', 'bird'],
      ['rm', '-f', 'bird'],
    ]) {
      const id = await host.ok('run', '-d', '--name', 'bird', 'busybox', 'sleep', '600');
      const real = readState(id);
      // The monitor lives, but the record's process 1 is a stranger's, start time and all.
      editState(id, { pid: other.pid, startTicks: ticks });
      await host.run(args, { timeoutMs: 20_000 });
      assert.ok(alive(other.pid), `the stranger lives after ${args.join(' ')}`);
      if (args[0] !== 'rm') await host.ok('rm', '-f', 'bird');
      assert.ok(alive(other.pid) && !alive(real.pid), 'only the container is gone');
    }
  } finally {
    other.kill('SIGKILL');
  }
});

test('a shim that is killed before its first step: run takes the container back, start leaves it as it was', async () => {
  // The shim that starts it leaves its session; the one that clears up after that does not.
  const kill = ['-f', '-o', '/dev/null', '-e', 'trace=setsid', '-e', 'inject=setsid:signal=SIGKILL:when=1'];
  const killed = (...words: string[]) =>
    command('strace', [...kill, EXECUTABLE, '--root', host.root, ...words]);
  await host.ok('run', '--rm', 'busybox', 'true');
  for (const flags of [['-d'], ['-d', '--rm'], ['-d', '-t']]) {
    const { code, stderr } = await killed('run', ...flags, '--name', 'early', 'busybox', 'sleep', '600');
    assert.equal(code, 137, stderr);
    assert.match(stderr, /^mydocker: cannot start early: its shim was killed before it began[^\n]*\n$/);
    assert.equal(await host.ok('ps', '-aq'), '', flags.join(' '));
  }
  await host.ok('create', '--name', 'early', 'busybox', 'sleep', '600');
  const { code, stderr } = await killed('start', 'early');
  assert.equal(code, 137, stderr);
  assert.match(stderr, /cannot start early: its shim was killed before it began/);
  assert.equal(await host.ok('inspect', '-f', '{{.State.Status}}', 'early'), 'created');
  await host.ok('start', 'early');
  await host.ok('rm', '-f', 'early');
});
