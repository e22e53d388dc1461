/** What the engine must never do: each of these was a real flaw of a tutorial engine. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { after, test } from 'node:test';
import { cgroups, Host, leftovers, processes, until } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const field = (ref: string, path: string) => host.ok('inspect', '-f', `{{.${path}}}`, ref);

/** The pid of a container's monitor. */
async function monitorOf(ref: string): Promise<number> {
  const id = await field(ref, 'Id');
  const { monitorPid } = JSON.parse(readFileSync(`${host.root}/run/${id}/state.json`, 'utf8')) as {
    monitorPid: number;
  };
  return monitorPid;
}

test('never: run a command on the host when exec’s target is stopped', async () => {
  const id = await host.ok('run', '-d', 'busybox', 'true');
  await host.ok('wait', id);
  const mark = `${directory}/executed-on-host`;
  assert.match(await host.fails(1, 'exec', id, 'touch', mark), /not running/);
  const again = await host.ok('run', '-d', 'busybox', 'sleep', '1000');
  const pid = Number(await field(again, 'State.Pid'));
  process.kill(pid, 'SIGKILL');
  const result = await host.run(['exec', again, 'touch', mark]);
  assert.notEqual(result.code, 0);
  assert.equal(existsSync(mark), false);
  await host.ok('rm', '-f', id, again);
});

test('never: run a command on the host when pivot_root fails', async () => {
  const { steps } = JSON.parse(await host.ok('explain', 'run', '--json', '--rm', 'busybox', 'true')) as {
    steps: Array<{ n: number; op: string }>;
  };
  const step = steps.find(({ op }) => op === 'pivot-root')?.n;
  const mark = `${directory}/pivot`;
  const result = await host.run(['run', '--rm', 'busybox', 'touch', mark], {
    env: { MYDOCKER_FAIL_STEP: String(step) },
  });
  assert.equal(result.code, 125, result.stderr);
  assert.match(result.stderr, new RegExp(`step ${step}\\b[^\\n]*pivot`));
  assert.equal(existsSync(mark), false);
  assert.deepEqual(leftovers(host.root), []);
});

test('never: delete host data through a volume still mounted at rm', async () => {
  mkdirSync(`${directory}/data/sub`, { recursive: true });
  writeFileSync(`${directory}/data/sub/precious`, 'precious');
  writeFileSync(`${directory}/file`, 'file');
  const id = await host.ok(
    'run',
    '-d',
    '-v',
    `${directory}/data:/data`,
    '-v',
    `${directory}/file:/file`,
    'busybox',
    'sleep',
    '1000',
  );
  await host.ok('rm', '-f', id);
  // And with something of the host mounted where the container's files are, as after a crash of another engine.
  const other = await host.ok('create', 'busybox', 'true');
  const inside = `${host.root}/containers/${other}/upper/data`;
  mkdirSync(inside);
  execFileSync('mount', ['--bind', `${directory}/data`, inside]);
  try {
    await host.run(['rm', '-f', other]);
    assert.equal(readFileSync(`${directory}/data/sub/precious`, 'utf8'), 'precious');
  } finally {
    const left = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(host.root))
      .map((line) => line.split(' ')[4] ?? '');
    for (const path of left) execFileSync('umount', [path]);
  }
  await host.run(['rm', '-f', other]);
  await host.ok('ps');
  assert.equal(readFileSync(`${directory}/data/sub/precious`, 'utf8'), 'precious');
  assert.equal(readFileSync(`${directory}/file`, 'utf8'), 'file');
  assert.deepEqual(leftovers(host.root), []);
});

test('never: recurse or hang in rm -f of a dead container', async () => {
  const id = await host.ok('run', '-d', '--name', 'dead', 'busybox', 'sleep', '1000');
  process.kill(await monitorOf('dead'), 'SIGKILL');
  const start = Date.now();
  await host.ok('rm', '-f', 'dead');
  assert.ok(Date.now() - start < 5000);
  assert.match(await host.fails(1, 'rm', '-f', 'dead'), /dead/);
  assert.deepEqual(leftovers(host.root), []);
  assert.deepEqual(
    cgroups().filter((name) => name.includes(id)),
    [],
  );
});

test('never: show running for a dead one: its monitor was killed', async () => {
  await host.ok('run', '-d', '--name', 'orphan', 'busybox', 'sleep', '1000');
  const pid = Number(await field('orphan', 'State.Pid'));
  process.kill(await monitorOf('orphan'), 'SIGKILL');
  assert.equal(await host.ok('ps', '--format', '{{.Names}} {{.Status}} [{{.Pid}}]'), 'orphan stopped []');
  await until('the process is gone with it', () => !existsSync(`/proc/${pid}`));
  assert.equal(await field('orphan', 'State.Running'), 'false');
  assert.equal((await host.run(['exec', 'orphan', 'true'])).code, 1);
  await host.ok('start', 'orphan');
  await host.ok('rm', '-f', 'orphan');
});

test('never: show running for a dead one: the machine was rebooted', async () => {
  const id = await host.ok('run', '-d', '--name', 'rebooted', 'busybox', 'sleep', '1000');
  const monitor = await monitorOf('rebooted');
  const file = `${host.root}/run/${id}/state.json`;
  const state = readFileSync(file, 'utf8');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  assert.ok(state.includes(boot), 'the state tells the boot');
  process.kill(monitor, 'SIGSTOP');
  writeFileSync(file, state.replace(boot, '00000000-0000-4000-8000-000000000000'));
  assert.equal(await host.ok('ps', '--format', '{{.Status}}'), 'stopped');
  process.kill(monitor, 'SIGKILL');
  await host.ok('rm', '-f', 'rebooted');
  assert.deepEqual(leftovers(host.root), []);
});

test('never: signal a reused pid', async () => {
  const id = await host.ok('run', '-d', '--name', 'reused', 'busybox', 'sleep', '1000');
  const file = `${host.root}/run/${id}/state.json`;
  const state = JSON.parse(readFileSync(file, 'utf8'));
  process.kill(await monitorOf('reused'), 'SIGKILL');
  // As if the numbers now belonged to somebody else: pid 1 of the host, started at another time.
  const victim = execFileSync('sh', ['-c', 'sleep 300 > /dev/null 2>&1 & echo $!'], {
    encoding: 'utf8',
  }).trim();
  writeFileSync(file, JSON.stringify({ ...state, pid: Number(victim), monitorPid: Number(victim) }));
  await host.run(['stop', '-t', '0', 'reused']);
  await host.run(['kill', 'reused']);
  await host.run(['exec', 'reused', 'true']);
  await host.ok('rm', '-f', 'reused');
  assert.ok(existsSync(`/proc/${victim}`), 'the bystander lives');
  process.kill(Number(victim), 'SIGKILL');
});

test('never: give two containers one id or one cgroup', async () => {
  const ids = await Promise.all(
    Array.from({ length: 12 }, () => host.ok('run', '-d', 'busybox', 'sleep', '1000')),
  );
  assert.equal(new Set(ids).size, 12);
  const groups = await Promise.all(
    ids.map(async (id) => readFileSync(`/proc/${await field(id, 'State.Pid')}/cgroup`, 'utf8')),
  );
  assert.equal(new Set(groups).size, 12);
  for (const [n, text] of groups.entries())
    assert.ok(text.includes(`/mydocker/${ids[n]}`), 'the whole id is in its name');
  await host.ok('rm', '-f', ...ids);
});

test('never: pass the host’s environment in', async () => {
  const env = { SECRET_TOKEN: 'x', LD_PRELOAD_X: 'y', LANG: 'xx', NODE_OPTIONS: '' };
  for (const args of [
    ['run', '--rm'],
    ['run', '--rm', '--init'],
  ]) {
    const { stdout } = await host.run([...args, 'busybox', 'env'], { env });
    const keys = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
      .sort();
    assert.deepEqual(keys, ['HOME', 'HOSTNAME', 'PATH']);
  }
  const id = await host.ok('run', '-d', 'busybox', 'sleep', '1000');
  const { stdout } = await host.run(['exec', id, 'env'], { env });
  assert.doesNotMatch(stdout, /SECRET|LD_PRELOAD|LANG|NODE/);
  assert.doesNotMatch(
    readFileSync(`/proc/${await monitorOf(id)}/environ`, 'latin1'),
    /SECRET/,
    'nor keep it in the monitor',
  );
  await host.ok('rm', '-f', id);
});

test('never: join argv with spaces', async () => {
  const words = ['one two', '', ' three', '"four"'];
  const script = 'for a; do echo "<$a>"; done';
  const want = words.map((word) => `<${word}>`).join('\n');
  assert.equal(await host.ok('run', '--rm', 'busybox', 'sh', '-c', script, 'sh', ...words), want);
  const id = await host.ok('run', '-d', 'busybox', 'sh', '-c', `${script}; sleep 1000`, 'sh', ...words);
  assert.equal(await host.ok('exec', id, 'sh', '-c', script, 'sh', ...words), want);
  await until('logged', async () => (await host.ok('logs', id)) === want);
  assert.deepEqual(JSON.parse(await host.ok('inspect', '-f', '{{json .Args}}', id)).slice(-4), words);
  const image = await host.ok('commit', id);
  assert.deepEqual(
    JSON.parse(await host.ok('inspect', '-f', '{{json .Config.Cmd}}', image)).slice(-4),
    words,
  );
  await host.ok('rm', '-f', id);
});

test('never: mix log noise into stdout', async () => {
  const result = await host.run([
    '--debug',
    'run',
    '--rm',
    '--init',
    '-m',
    '64m',
    'busybox',
    'printf',
    'exact',
  ]);
  assert.equal(result.stdout, 'exact');
  const failed = await host.run(['--debug', 'run', '--rm', 'busybox', '/no/such']);
  assert.equal(failed.stdout, '');
  const named = await host.run(['run', '--rm', 'printf', 'exact']);
  assert.equal(named.stdout, 'exact');
});

test('never: lose the exit code', async () => {
  const codes = [0, 1, 2, 42, 126, 127, 128, 137, 255];
  const results = await Promise.all(
    codes.map((code) => host.run(['run', '--rm', 'busybox', 'sh', '-c', `exit ${code}`])),
  );
  assert.deepEqual(
    results.map(({ code }) => code),
    codes,
  );
  const id = await host.ok('run', '-d', 'busybox', 'sh', '-c', 'exit 42');
  assert.equal(await host.ok('wait', id), '42');
  assert.equal(await host.ok('wait', id), '42', 'also later');
  assert.equal(await field(id, 'State.ExitCode'), '42');
  await host.ok('rm', id);
});

test('never: leave a mount, cgroup, directory or process behind after a failure', async () => {
  const failures = [
    ['busybox', '/no/such'],
    ['-u', 'nobody9', 'busybox', 'true'],
    ['-w', '/etc/passwd', 'busybox', 'true'],
    ['-v', '/etc/passwd:/tmp', 'busybox', 'true'],
    ['-v', '/etc:/etc/passwd/x', 'busybox', 'true'],
  ];
  for (const args of failures) {
    const result = await host.run(['run', '--name', 'failing', ...args]);
    assert.ok(result.code >= 125 && result.code <= 127, `${args.join(' ')}: ${result.code}`);
    assert.match(result.stderr, /^mydocker: [^\n]+\n$/);
    assert.deepEqual(leftovers(host.root), [], args.join(' '));
  }
  await until('no process is left', () => processes(host.root).length === 0);
});

test('never: read a half-written record', async () => {
  const good = await host.ok('create', '--name', 'good', 'busybox', 'true');
  const bad = await host.ok('create', '--name', 'torn', 'busybox', 'true');
  truncateSync(`${host.root}/containers/${bad}/container.json`, 40);
  assert.deepEqual(
    (await host.ok('ps', '--format', '{{.ID}} {{.Status}}')).split('\n').sort(),
    [`${good.slice(0, 12)} created`, `${bad.slice(0, 12)} broken`].sort(),
  );
  assert.equal((await host.run(['start', bad])).code, 1);
  await host.ok('rm', bad);
  await host.ok('rm', good);
  assert.deepEqual(leftovers(host.root), []);
  // And while many write: every reader sees whole records only.
  const writers = Array.from({ length: 6 }, (_, n) =>
    host.ok('create', '--name', `w${n}`, 'busybox', 'true'),
  );
  for (let n = 0; n < 6; n++) assert.doesNotMatch(await host.ok('ps', '--format', '{{.Status}}'), /broken/);
  await host.ok('rm', ...(await Promise.all(writers)));
});

test('never: ignore a limit that could not be set', async () => {
  const { steps } = JSON.parse(
    await host.ok('explain', 'run', '--json', '--rm', '-m', '64m', 'busybox', 'true'),
  ) as { steps: Array<{ n: number; text: string }> };
  const step = steps.find(({ text }) => text.includes('67108864'))?.n;
  const result = await host.run(['run', '--rm', '-m', '64m', 'busybox', 'echo', 'ran'], {
    env: { MYDOCKER_FAIL_STEP: String(step) },
  });
  assert.deepEqual([result.code, result.stdout], [125, '']);
  assert.match(result.stderr, /memory/);
  const impossible = await host.run(['run', '--rm', '--cpuset-cpus', '4095', 'busybox', 'echo', 'ran']);
  assert.deepEqual([impossible.code, impossible.stdout], [125, '']);
  assert.deepEqual(leftovers(host.root), []);
});
