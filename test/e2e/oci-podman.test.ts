/** podman with our runtime (Debian's podman). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { ROOTFS_TAR } from './bundle.ts';
import { inLanes, RuntimeUser } from './runtime-user.ts';

const user = new RuntimeUser();
const { dir } = user;

/** More than this host allows podman would ask for, and fail. proc_pid_limits(5) */
function limits(): string[] {
  const text = readFileSync('/proc/self/limits', 'utf8');
  const hard = (label: string) =>
    Number(new RegExp(`^${label}\\s+\\S+\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 1024);
  const [files, procs] = [hard('Max open files'), Math.min(hard('Max processes'), 32768)];
  return ['--ulimit', `nofile=${files}:${files}`, '--ulimit', `nproc=${procs}:${procs}`];
}

const PLAIN = [
  ...['--network', 'none', '--cgroup-parent', `/${user.cgroup}`, '--security-opt', 'apparmor=unconfined'],
  ...limits(),
];

const words = (...args: readonly string[]): string[] => [
  'podman',
  ...['--root', `${dir}/storage`, '--runroot', `${dir}/runroot`, '--tmpdir', `${dir}/tmp`],
  ...['--storage-driver', 'overlay', '--cgroup-manager', 'cgroupfs', '--events-backend', 'none'],
  ...['--runtime', user.runtime, ...args],
];
const podman = (...args: readonly string[]): Promise<string> => user.ok(words(...args));
const run = (flags: readonly string[], ...args: readonly string[]) =>
  user.run(words('run', '--rm', ...PLAIN, ...flags, 'busybox', ...args));
/** The same of a shell's script that prints: podman's end of the stream is a connection that conmon accepts later. */
const hear = (flags: readonly string[], script: string) =>
  user.hear(words('run', '--rm', ...flags, '-v', `${user.heard}:/heard`, 'busybox'), script);

before(async () => {
  await user.open();
  await podman('import', ROOTFS_TAR, 'busybox');
  assert.equal((await run([], 'true')).code, 0);
  await user.remember();
});

test('podman run: output, exit codes, and what podman makes of a program that cannot run', async () => {
  const hello = await hear(PLAIN, 'exec echo hello');
  assert.deepEqual([hello.code, hello.stdout], [0, 'hello\n'], hello.stderr);
  assert.equal((await run([], 'sh', '-c', 'exit 9')).code, 9);
  assert.equal((await run([], 'nosuch')).code, 127);
  assert.equal((await run([], '/etc')).code, 126);
  await user.checkNothingLeft();
});

test('podman run: user, read-only root, tmpfs with what it covers, limits, capabilities', async () => {
  const flags = [
    ...['--user', '1000:1000', '--read-only', '--tmpfs', '/etc', '-m', '64m', '--pids-limit', '40'],
    ...['--cap-drop', 'ALL', '--hostname', 'nest', '--workdir', '/tmp', '--env', 'A=b'],
  ];
  const script = [
    'id -u; hostname; pwd; echo $A; head -1 /etc/passwd',
    'grep CapBnd /proc/self/status; touch /file 2>&1; touch /etc/file && echo wrote',
  ].join(';');
  const result = await hear([...PLAIN, ...flags], script);
  const told = result.stdout.split('\n');
  assert.deepEqual(
    told.slice(0, 5),
    ['1000', 'nest', '/tmp', 'b', 'root:x:0:0:root:/root:/bin/sh'],
    result.stderr,
  );
  assert.match(result.stdout, /CapBnd:\s+0000000000000000/);
  assert.match(result.stdout, /touch: \/file: Read-only file system/);
  await user.checkNothingLeft();
});

test('podman run -d, exec, pause, unpause, top, stop, start, kill, rm', async () => {
  const loop = 'trap "exit 3" TERM; while true; do sleep 0.1; done';
  const status = () => podman('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'bird');
  await podman('run', '-d', '--name', 'bird', ...PLAIN, 'busybox', 'sh', '-c', loop);
  assert.match(await podman('exec', 'bird', 'ps'), /^ +1 root +sh -c trap/m);
  assert.equal((await user.run(words('exec', 'bird', 'sh', '-c', 'exit 5'))).code, 5);
  assert.match(await podman('exec', '-t', 'bird', 'tty'), /^\/dev\/pts\/\d+/);
  await podman('pause', 'bird');
  assert.match(await status(), /^paused/);
  await podman('unpause', 'bird');
  assert.match(await podman('top', 'bird', 'args'), /sh -c trap/);
  await podman('stop', '--time', '20', 'bird');
  assert.match(await status(), /^exited 3$/);
  await podman('start', 'bird');
  await podman('kill', '--signal', 'KILL', 'bird');
  await podman('wait', 'bird');
  assert.match(await status(), /^exited 137$/);
  await podman('rm', 'bird');
  await user.checkNothingLeft();
});

test('podman: a terminal of a run, with its size', async () => {
  const result = await hear([...PLAIN, '-t'], 'tty; test -t 0 && test -t 1 && echo terminal');
  assert.match(result.stdout, /^\/dev\/pts\/0\r?\nterminal/, result.stderr);
  await user.checkNothingLeft();
});

test('podman: a container in the pid and network namespaces of another', async () => {
  await podman('run', '-d', '--name', 'first', ...PLAIN, 'busybox', 'sleep', '1000');
  const flags = ['--cgroup-parent', `/${user.cgroup}`, '--security-opt', 'apparmor=unconfined', ...limits()];
  const seen = await hear([...flags, '--network', 'container:first', '--pid', 'container:first'], 'exec ps');
  assert.deepEqual([seen.code, /sleep 1000/.test(seen.stdout)], [0, true], `${seen.stdout}${seen.stderr}`);
  await podman('rm', '--force', '--time', '0', 'first');
  await user.checkNothingLeft();
});

test('podman run, a hundred in a row: each says its number, and nothing is left', async () => {
  await inLanes(100, 2, async (number) => {
    const result = await hear(PLAIN, `echo ${number}`);
    assert.deepEqual([result.code, result.stdout], [0, `${number}\n`], result.stderr);
  });
  await user.checkNothingLeft();
});
