/** Limits, mounts and read-only roots of `run`: each one seen from inside, or in the kernel's own files. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { after, test } from 'node:test';
import { cgroupFile, memoryLimit } from './cgroup.ts';
import { Host, leftovers } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const busybox = (...args: string[]) => host.ok('run', '--rm', ...args);

async function started(...options: string[]): Promise<string> {
  return host.ok('run', '-d', ...options, 'busybox', 'sleep', '100');
}

test('-m and -mem limit memory: the kernel has the number, and a program above it is killed', async () => {
  for (const flags of [['-m', '100m'], ['-mem', '100m'], ['--memory=104857600'], ['-m=102400k']]) {
    const id = await started(...flags);
    assert.equal(memoryLimit(id), '104857600', flags.join(' '));
    await host.ok('rm', '-f', id);
  }
  const hog = await host.run(['run', '--name', 'hog', '-m', '16m', 'busybox', 'tail', '/dev/zero']);
  assert.equal(hog.code, 137);
  assert.equal(await host.ok('inspect', '-f', '{{.State.OOMKilled}} {{.State.ExitCode}}', 'hog'), 'true 137');
  await host.ok('rm', 'hog');
});

test('-cpu is percent of one core, --cpus is cores', async () => {
  const quota = (id: string) => cgroupFile(id, 'cpu', 'cpu.cfs_quota_us', 'cpu.max').replace(' 100000', '');
  for (const [flag, value, want] of [
    ['-cpu', '50', '50000'],
    ['--cpus', '0.5', '50000'],
    ['--cpus', '1.5', '150000'],
  ] as const) {
    const id = await started(flag, value);
    assert.equal(quota(id), want, `${flag} ${value}`);
    await host.ok('rm', '-f', id);
  }
  assert.match(await host.fails(125, 'run', '-cpu', '50', '--cpus', '1', 'busybox', 'true'), /cpus/);
});

test('--cpuset-cpus and -cpuset: the program may run on those cores only', async () => {
  for (const flag of ['--cpuset-cpus', '-cpuset']) {
    assert.match(
      await busybox(flag, '0', 'busybox', 'grep', 'Cpus_allowed_list', '/proc/self/status'),
      /:\s*0$/,
    );
  }
  assert.match(
    await host.fails(125, 'run', '--cpuset-cpus', String(cpus().length + 60), 'busybox', 'true'),
    /core/,
  );
});

test('--pids-limit: the next fork fails', async () => {
  const id = await started('--pids-limit', '7');
  assert.equal(cgroupFile(id, 'pids', 'pids.max', 'pids.max'), '7');
  await host.ok('rm', '-f', id);
  const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; echo all';
  const result = await host.run(['run', '--rm', '--pids-limit', '5', 'busybox', 'sh', '-c', script]);
  assert.match(result.stderr, /fork/);
  assert.doesNotMatch(result.stdout, /all/);
  assert.equal((await host.run(['run', '--rm', '--pids-limit', '-1', 'busybox', 'true'])).code, 0);
});

test('-v binds directories and files, several at once, writable and read-only', async () => {
  mkdirSync(`${directory}/d/sub`, { recursive: true });
  writeFileSync(`${directory}/d/in`, 'in\n');
  writeFileSync(`${directory}/f`, 'file\n');
  const volumes = [
    '-v',
    `${directory}/d:/data`,
    '-v',
    `${directory}/f:/etc/f.conf`,
    '-v',
    `${directory}/d:/deep/new/place:ro`,
  ];
  const script =
    'cat /data/in /etc/f.conf /deep/new/place/in; echo more >> /etc/f.conf; echo w > /data/sub/w; echo x > /deep/new/place/x';
  const result = await host.run(['run', '--rm', ...volumes, 'busybox', 'sh', '-c', script]);
  assert.equal(result.stdout, 'in\nfile\nin\n');
  assert.match(result.stderr, /Read-only file system/);
  assert.equal(readFileSync(`${directory}/d/sub/w`, 'utf8'), 'w\n');
  assert.equal(readFileSync(`${directory}/f`, 'utf8'), 'file\nmore\n');
  assert.equal(existsSync(`${directory}/d/x`), false);
});

test('-v with a relative source is taken from the working directory of the caller', async () => {
  writeFileSync(`${directory}/rel`, 'relative\n');
  const result = await host.run(['run', '--rm', '-v', './rel:/rel', 'busybox', 'cat', '/rel'], {
    cwd: directory,
  });
  assert.deepEqual(result, { code: 0, stdout: 'relative\n', stderr: '' });
});

test('-v onto a symlink of the image stays in the container', async () => {
  mkdirSync(`${directory}/s`);
  writeFileSync(`${directory}/s/here`, 'yes');
  const box = await host.ok('run', '-d', 'busybox', 'ln', '-s', '/tmp/../../../../../../var/tmp', '/link');
  await host.ok('wait', box);
  await host.ok('commit', box, 'linked');
  assert.equal(
    await busybox('-v', `${directory}/s:/link/escape`, 'linked', 'cat', '/var/tmp/escape/here'),
    'yes',
  );
  assert.equal(existsSync('/var/tmp/escape'), false, 'nothing was made on the host');
  await host.ok('rm', box);
});

test('--mount: bind, readonly, tmpfs with size and mode', async () => {
  writeFileSync(`${directory}/m`, 'mounted\n');
  const bind = `type=bind,source=${directory}/m,target=/m,readonly`;
  const tmpfs = 'type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700';
  const script = 'cat /m; echo x 2>/dev/null > /m; stat -c %a /t; df -k /t | tail -1 | awk "{print \\$2}"';
  assert.equal(
    await busybox('--mount', bind, '--mount', tmpfs, 'busybox', 'sh', '-c', script),
    'mounted\n700\n1024',
  );
});

test('--tmpfs: empty, in memory, with its options', async () => {
  const script =
    'ls -A /run | wc -l; stat -c %a /run; df -k /run | tail -1 | awk "{print \\$2}"; grep " /run " /proc/mounts';
  const seen = await busybox('--tmpfs', '/run:size=2m,mode=1777', 'busybox', 'sh', '-c', script);
  assert.match(seen, /^0\n1777\n2048\ntmpfs \/run tmpfs rw,nosuid,nodev/);
  assert.match(await busybox('--tmpfs', '/x', 'busybox', 'sh', '-c', 'touch /x/y && ls /x'), /^y$/);
});

test('--read-only: the root cannot be written, volumes and tmpfs can', async () => {
  mkdirSync(`${directory}/rw`);
  const script =
    'touch /x || echo no; touch /etc/hosts.new || echo no; touch /run/y && touch /v/z && touch /dev/shm/s && echo yes';
  const result = await host.run([
    'run',
    '--rm',
    '--read-only',
    '--tmpfs',
    '/run',
    '-v',
    `${directory}/rw:/v`,
    'busybox',
    'sh',
    '-c',
    script,
  ]);
  assert.equal(result.stdout, 'no\nno\nyes\n');
});

test('a user’s mount on /etc/hosts replaces the engine’s', async () => {
  writeFileSync(`${directory}/hosts`, '10.0.0.9 nine\n');
  assert.equal(
    await busybox('-v', `${directory}/hosts:/etc/hosts`, 'busybox', 'cat', '/etc/hosts'),
    '10.0.0.9 nine',
  );
});

test('--network host shares the host’s network namespace; none is its own', async () => {
  const netOf = (...flags: string[]) => busybox(...flags, 'busybox', 'readlink', '/proc/self/ns/net');
  assert.equal(
    await netOf('--network', 'host'),
    await host.ok('run', '--rm', '-net', 'host', 'busybox', 'readlink', '/proc/self/ns/net'),
  );
  assert.notEqual(await netOf('--network', 'none'), await netOf('--net', 'host'));
  assert.deepEqual(leftovers(host.root), []);
});
