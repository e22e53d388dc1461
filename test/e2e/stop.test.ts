/** `stop`: asks, waits for the real end, and does not wait for what cannot happen. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { cgroups, Host, processes, SLOWNESS, until } from './harness.ts';
import { Live } from './live.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const TRAP = (script: string) => `trap '${script}' TERM QUIT USR1; echo ready; while :; do sleep 0.05; done`;

async function started(name: string, script: string, ...options: string[]): Promise<number> {
  await host.ok('run', '-d', '--name', name, ...options, 'busybox', 'sh', '-c', script);
  if (script.includes('echo ready'))
    await until('ready', async () => (await host.ok('logs', name)).includes('ready'));
  return Number(await host.ok('inspect', '-f', '{{.State.Pid}}', name));
}

const codeOf = (name: string) => host.ok('inspect', '-f', '{{.State.ExitCode}}', name);

async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const start = Date.now();
  return { value: await work, ms: Date.now() - start };
}

test('stop sends SIGTERM, waits for the program’s own end and keeps its exit code', async () => {
  const pid = await started('tidy', TRAP('sleep 0.3; exit 17'));
  const { value, ms } = await timed(host.run(['stop', 'tidy']));
  assert.deepEqual(value, { code: 0, stdout: 'tidy\n', stderr: '' });
  assert.ok(ms >= 300 && ms < 10_000 * SLOWNESS, `${ms} ms`);
  assert.equal(existsSync(`/proc/${pid}`), false);
  assert.equal(await codeOf('tidy'), '17');
});

test('stop of a program that ignores the signal: SIGKILL after -t seconds', async () => {
  await started('deaf', TRAP('echo no'));
  // Its trap must have run by then.
  const { value, ms } = await timed(host.run(['stop', '-t', `${SLOWNESS}`, 'deaf']));
  assert.equal(value.code, 0);
  assert.equal(value.stderr, '');
  assert.ok(ms >= 1000 * SLOWNESS, `${ms} ms`);
  assert.equal(await codeOf('deaf'), '137');
  assert.match(await host.ok('logs', 'deaf'), /no/, 'it had its chance');
});

test('stop is signal-aware: process 1 that would never see SIGTERM is killed at once, and stderr says why', async () => {
  await host.ok('run', '-d', '--name', 'plain', 'busybox', 'sleep', '1000');
  const { value, ms } = await timed(host.run(['stop', 'plain']));
  assert.equal(value.code, 0);
  assert.equal(value.stdout, 'plain\n');
  assert.match(value.stderr, /^mydocker: plain: .*neither handles nor blocks SIGTERM.*\n$/);
  assert.ok(ms < 2000 * SLOWNESS, `${ms} ms`);
  assert.equal(await codeOf('plain'), '137');
});

test('a process 1 that ignores the signal will not see it either; one that blocks it may, and has its time', async () => {
  await started('ignores', "trap '' TERM; echo ready; while :; do sleep 0.05; done");
  const { value, ms } = await timed(host.run(['stop', 'ignores']));
  assert.match(value.stderr, /^mydocker: ignores: .*neither handles nor blocks SIGTERM.*\n$/);
  assert.ok(ms < 2000 * SLOWNESS, `${ms} ms`);
  assert.equal(await codeOf('ignores'), '137');

  // The host's own python, with the libraries it needs.
  const script =
    'import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); print("ready", flush=True); time.sleep(600)';
  const trees = [
    '/usr:/usr:ro',
    '/usr/lib:/lib:ro',
    ...(existsSync('/usr/lib64') ? ['/usr/lib64:/lib64:ro'] : []),
  ];
  const mounts = trees.flatMap((tree) => ['-v', tree]);
  await host.ok('run', '-d', '--name', 'blocks', ...mounts, 'busybox', '/usr/bin/python3', '-c', script);
  await until('ready', async () => (await host.ok('logs', 'blocks')).includes('ready'));
  const blocked = await timed(host.run(['stop', '-t', '1', 'blocks']));
  assert.deepEqual(blocked.value, { code: 0, stdout: 'blocks\n', stderr: '' });
  assert.ok(blocked.ms >= 1000, `${blocked.ms} ms`);
  assert.equal(await codeOf('blocks'), '137');
});

test('stop sends the signal that the image asks for', async () => {
  await host.ok('create', '--name', 'model', 'busybox', 'true');
  await host.ok('commit', '-c', 'STOPSIGNAL SIGUSR1', 'model', 'polite');
  const script = "trap 'exit 4' USR1; trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done";
  await host.ok('run', '-d', '--name', 'asked', 'polite', 'sh', '-c', script);
  await until('ready', async () => (await host.ok('logs', 'asked')).includes('ready'));
  assert.deepEqual(await host.run(['stop', 'asked']), { code: 0, stdout: 'asked\n', stderr: '' });
  assert.equal(await codeOf('asked'), '4');
});

test('stop is signal-aware with --init too: the init passes SIGTERM on, so nothing is killed', async () => {
  await host.ok('run', '-d', '--name', 'under', '--init', 'busybox', 'sleep', '1000');
  const { value, ms } = await timed(host.run(['stop', 'under']));
  assert.deepEqual(value, { code: 0, stdout: 'under\n', stderr: '' });
  assert.ok(ms < 2000 * SLOWNESS, `${ms} ms`);
  assert.equal(await codeOf('under'), '143');
});

test('stop uses the stop signal and time-out of run; -s and -t are stronger', async () => {
  await started('quit', TRAP('exit 3'), '--stop-signal', 'SIGQUIT');
  await host.ok('stop', 'quit');
  assert.equal(await codeOf('quit'), '3');
  await started('usr', "trap 'exit 4' USR1; echo ready; while :; do sleep 0.05; done");
  await host.ok('stop', '-s', 'USR1', 'usr');
  assert.equal(await codeOf('usr'), '4');
  await started('zero', TRAP('echo no'), '--stop-timeout', '0');
  const { ms } = await timed(host.run(['stop', 'zero']));
  assert.ok(ms < 1500 * SLOWNESS, `${ms} ms`);
});

test('stop of many containers stops them at once', async () => {
  const names = ['m1', 'm2', 'm3', 'm4', 'm5'];
  // Each waits for the signals of all: one after the other, they would be killed.
  const meet = (name: string) =>
    `touch /v/${name}; until [ $(ls /v | wc -l) = ${names.length} ]; do sleep 0.05; done; exit 7`;
  await Promise.all(names.map((name) => started(name, TRAP(meet(name)), '-v', `${directory}:/v`)));
  const result = await host.run(['stop', '-t', `${30 * SLOWNESS}`, ...names]);
  assert.equal(result.code, 0);
  assert.deepEqual(result.stdout.trim().split('\n').sort(), names);
  assert.deepEqual(await Promise.all(names.map(codeOf)), Array(names.length).fill('7'));
});

test('stop goes on after an unknown one and exits 1', async () => {
  await started('known', TRAP('exit 0'));
  const result = await host.run(['stop', 'unknown', 'known']);
  assert.equal(result.code, 1);
  assert.equal(result.stdout, 'known\n');
  assert.match(result.stderr, /unknown/);
});

test('stop of a stopped container is no error and says nothing', async () => {
  assert.deepEqual(await host.run(['stop', 'known']), { code: 0, stdout: 'known\n', stderr: '' });
});

test('stop ends every process of the container, also those that left its session', async () => {
  const script = `(setsid sh -c "trap '' TERM; sleep 7654.5" &) ; ${TRAP('exit 0')}`;
  await started('family', script);
  await until('the other runs', () => processes('sleep\x007654.5').length === 1);
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'family');
  await host.ok('stop', 'family');
  assert.deepEqual(processes('sleep\x007654.5'), []);
  assert.deepEqual(
    cgroups().filter((name) => name.includes(id)),
    [],
    'its cgroups are gone when stop returns',
  );
});

test('stop by somebody else ends a run in the foreground, with the program’s code', async () => {
  const live = new Live(host, 'run', '--rm', '--name', 'front', 'busybox', 'sh', '-c', TRAP('exit 23'));
  await live.says('ready');
  await host.ok('stop', 'front');
  assert.equal(await live.code, 23);
});

test('two stops at the same time both return when it is gone', async () => {
  await started('twice', TRAP('sleep 0.3; exit 0'));
  const results = await Promise.all([host.run(['stop', 'twice']), host.run(['stop', 'twice'])]);
  assert.deepEqual(
    results.map(({ code }) => code),
    [0, 0],
  );
  assert.equal(await host.ok('inspect', '-f', '{{.State.Running}}', 'twice'), 'false');
});
