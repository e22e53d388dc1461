/** dockerd with our runtime (Debian's docker.io): a daemon of the test's own. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { ROOTFS_TAR } from './bundle.ts';
import { until } from './harness.ts';
import { inLanes, RuntimeUser } from './runtime-user.ts';

const user = new RuntimeUser((dir) => ({
  DOCKER_HOST: `unix://${dir}/sock`,
  DOCKER_CONFIG: `${dir}/client`,
}));
const { dir } = user;
const PLAIN = ['--network', 'none', '--security-opt', 'apparmor=unconfined'];

const DAEMON = [
  ...['dockerd', '-H', `unix://${dir}/sock`, '--config-file', `${dir}/daemon.json`, '--log-level=error'],
  ...['--data-root', `${dir}/data`, '--exec-root', `${dir}/exec`, '--pidfile', `${dir}/pid`],
  ...['--bridge=none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
  ...[`--cgroup-parent=/${user.cgroup}`, `--add-runtime=mydocker=${user.runtime}`],
  '--default-runtime=mydocker',
];

const docker = (...args: readonly string[]): Promise<string> => user.ok(['docker', ...args]);
const run = (flags: readonly string[], ...args: readonly string[]) =>
  user.run(['docker', 'run', '--rm', ...PLAIN, ...flags, 'busybox', ...args]);

before(async () => {
  mkdirSync(`${dir}/client`);
  writeFileSync(`${dir}/daemon.json`, '{}');
  await user.open();
  await user.start(DAEMON, ['docker', 'version']);
  await docker('import', ROOTFS_TAR, 'busybox');
  await user.remember();
});

test('docker run: output, exit codes, and what docker makes of a program that cannot run', async () => {
  assert.match(await docker('info', '--format', '{{.DefaultRuntime}}'), /^mydocker$/);
  const hello = await run([], 'echo', 'hello');
  assert.deepEqual([hello.code, hello.stdout], [0, 'hello\n'], hello.stderr);
  assert.equal((await run([], 'sh', '-c', 'exit 9')).code, 9);
  assert.equal((await run([], 'nosuch')).code, 127);
  assert.equal((await run([], '/etc')).code, 126);
  await user.checkNothingLeft();
});

test('docker run: user, read-only root, tmpfs, limits, capabilities, init, devices', async () => {
  const flags = [
    ...['--user', '1000:1000', '--read-only', '--tmpfs', '/scratch', '-m', '64m', '--pids-limit', '40'],
    ...['--cap-drop', 'ALL', '--init', '--hostname', 'nest', '--workdir', '/tmp', '--env', 'A=b'],
    ...['--device', '/dev/zero:/dev/nil', '--ulimit', 'nofile=100'],
  ];
  const script = [
    'id -u; hostname; pwd; echo $A; ulimit -n; head -c 3 /dev/nil | wc -c',
    'grep CapBnd /proc/self/status; touch /file 2>&1; touch /scratch/file && echo wrote',
    'ps | head -3',
  ].join(';');
  const result = await run(flags, 'sh', '-c', script);
  const told = result.stdout.split('\n');
  assert.deepEqual(told.slice(0, 6), ['1000', 'nest', '/tmp', 'b', '100', '3'], result.stderr);
  assert.match(result.stdout, /CapBnd:\s+0000000000000000/);
  assert.match(result.stdout, /touch: \/file: Read-only file system\nwrote/);
  assert.match(result.stdout, /^ +1 1000 +\/sbin\/docker-init/m);
  await user.checkNothingLeft();
});

test('docker run -d, exec, pause, unpause, update, top, stats, stop, restart, kill, rm', async () => {
  const loop = 'trap "exit 3" TERM; while true; do sleep 0.1; done';
  const status = () => docker('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'bird');
  await docker('run', '-d', '--name', 'bird', '-m', '64m', ...PLAIN, 'busybox', 'sh', '-c', loop);
  assert.match(await docker('exec', 'bird', 'ps'), /^ +1 root +sh -c trap/m);
  assert.equal((await user.run(['docker', 'exec', 'bird', 'sh', '-c', 'exit 5'])).code, 5);
  assert.equal((await user.run(['docker', 'exec', '-u', '7', 'bird', 'id', '-u'])).stdout, '7\n');
  await docker('pause', 'bird');
  assert.match(await status(), /^paused/);
  await docker('unpause', 'bird');
  await docker('update', '-m', '48m', '--memory-swap', '48m', 'bird');
  assert.match(await docker('stats', '--no-stream', '--format', '{{.MemUsage}}', 'bird'), /\/ 48MiB/);
  assert.match(await docker('top', 'bird'), /sh -c trap/);
  await docker('stop', '-t', '20', 'bird');
  assert.match(await status(), /^exited 3$/);
  await docker('start', 'bird');
  await docker('restart', '-t', '20', 'bird');
  await docker('kill', 'bird');
  await until('it ended', async () => /^exited 137$/.test(await status()));
  await docker('rm', 'bird');
  await user.checkNothingLeft();
});

test('docker run -t: a terminal', async () => {
  const result = await run(['-t'], 'sh', '-c', 'tty; test -t 0 && test -t 1 && echo terminal');
  assert.match(result.stdout, /^\/dev\/pts\/0\r?\nterminal/, result.stderr);
  await user.checkNothingLeft();
});

test('docker run, a hundred: each says its number, and nothing is left', async () => {
  await inLanes(100, 4, async (number) => {
    const result = await run([], 'echo', `${number}`);
    assert.deepEqual([result.code, result.stdout], [0, `${number}\n`], result.stderr);
  });
  await user.checkNothingLeft();
});
