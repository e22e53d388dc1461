/** What the linux part of config.json asks for, and the container has: config-linux.md, point by point. */
import assert from 'node:assert/strict';
import { chownSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AnyConfig, OciHost, removeCgroup } from './bundle.ts';
import { command, EXECUTABLE } from './harness.ts';

const host = new OciHost();

test('cgroupsPath: an absolute one from the top, a relative one always at the same place, a busy one refused', async () => {
  const show = 'cat /proc/1/cgroup';
  const without = (config: AnyConfig) => {
    config.linux.namespaces = config.linux.namespaces.filter((n: AnyConfig) => n.type !== 'cgroup');
  };
  const at = (path: string) =>
    host.sh(show, (config) => {
      without(config);
      config.linux.cgroupsPath = path;
    });
  assert.match(await at(`/${host.cgroup}/deep/er`), new RegExp(`:/${host.cgroup}/deep/er$`, 'm'));
  const relative = new RegExp(`:/mydocker-oci/${host.cgroup}-rel$`, 'm');
  assert.match(await at(`${host.cgroup}-rel`), relative);
  assert.match(await at(`${host.cgroup}-rel`), relative);

  const bundle = await host.bundle(['sleep', '1000']);
  await host.ok('run', '-d', '--bundle', bundle, 'lives');
  assert.match(await host.fails(1, 'create', '--bundle', bundle, 'second'), /is not empty: 1 process/);
  assert.equal((await host.state('lives')).status, 'running');
  await host.ok('delete', '--force', 'lives');
  // What is above a container's own cgroup may be others' too: it stays.
  removeCgroup(`${host.cgroup}/deep`);
  assert.deepEqual(host.left(), []);
});

test('sysctl: in a namespace of the container’s own', async () => {
  const before = readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8');
  const told = await host.sh('cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax', (config) => {
    config.linux.sysctl = { 'net.ipv4.ip_forward': '1', 'kernel.msgmax': '4096' };
  });
  assert.equal(told, '1\n4096');
  assert.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8'), before);
});

test('seccomp: the named calls get the action; errors of a profile are told', async () => {
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'],
    flags: ['SECCOMP_FILTER_FLAG_LOG'],
    syscalls: [
      { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 },
      { names: ['no_such_call', 'chmod', 'fchmodat'], action: 'SCMP_ACT_ERRNO' },
    ],
  };
  for (const noNewPrivileges of [true, false]) {
    const told = await host.sh(
      'mkdir /dev/shm/x 2>&1; chmod 700 /dev/shm 2>&1; grep Seccomp: /proc/self/status',
      (config) => {
        config.linux.seccomp = profile;
        config.process.noNewPrivileges = noNewPrivileges;
      },
    );
    assert.match(told, /No space left on device[\s\S]*Operation not permitted[\s\S]*Seccomp:\s+2/);
  }
  const wrong: Array<readonly [change: object, why: RegExp]> = [
    [{ defaultErrnoRet: 1 }, /defaultErrnoRet is given, and SCMP_ACT_ALLOW returns no error number/],
    [
      { syscalls: [{ names: ['read'], action: 'SCMP_ACT_KILL', errnoRet: 5 }] },
      /SCMP_ACT_KILL returns no error/,
    ],
    [{ syscalls: [{ names: [], action: 'SCMP_ACT_KILL' }] }, /names no system call/],
    [{ syscalls: [{ names: ['read'], action: 'SCMP_ACT_NOTIFY' }] }, /SCMP_ACT_NOTIFY/],
    [{ listenerPath: '/run/x.sock' }, /listenerPath is not supported/],
  ];
  for (const [change, why] of wrong) {
    const bundle = await host.bundle(['true'], (config) => {
      config.linux.seccomp = { ...profile, ...change };
    });
    assert.match(await host.fails(1, 'run', '--bundle', bundle, 'x'), why);
  }
  assert.deepEqual(host.left(), []);
});

test('maskedPaths cannot be read, readonlyPaths not be written', async () => {
  const bundle = await host.bundle(
    ['sh', '-c', 'cat /secret; ls -A /dir; touch /open/x 2>&1; (echo y > /single) 2>&1; cat /open/file'],
    (config) => {
      config.root.readonly = false;
      config.linux.maskedPaths = ['/secret', '/dir', '/dir/below', '/not/there'];
      config.linux.readonlyPaths = ['/open', '/single', '/not/there'];
    },
  );
  const root = `${bundle}/rootfs`;
  for (const dir of ['dir/below', 'open']) mkdirSync(`${root}/${dir}`, { recursive: true });
  for (const file of ['secret', 'dir/file', 'open/file', 'single'])
    writeFileSync(`${root}/${file}`, `${file}\n`);
  const { stdout } = await host.run(['run', '--bundle', bundle, 'masks']);
  assert.equal(
    stdout,
    "touch: /open/x: Read-only file system\nsh: can't create /single: Read-only file system\nopen/file\n",
  );
  symlinkSync('secret', `${root}/link`);
  host.edit(bundle, (config) => config.linux.maskedPaths.push('/link'));
  assert.match(await host.fails(1, 'run', '--bundle', bundle, 'masks'), /mask \/link: ELOOP/);
  assert.deepEqual(host.left(), []);
});

test('uidMappings of a mount: who its files belong to inside; idmap for it alone, ridmap for the mounts below too', async () => {
  const files = `${host.dir}/owned`;
  const seen = async (options: string[]): Promise<string> => {
    const bundle = await host.bundle(['stat', '-c', '%u:%g', '/m', '/m/below'], (config) => {
      const gidMappings = [{ containerID: 2000, hostID: 8, size: 1 }];
      const uidMappings = [{ containerID: 1000, hostID: 7, size: 1 }];
      config.mounts.push({
        destination: '/m',
        type: 'bind',
        source: files,
        options,
        uidMappings,
        gidMappings,
      });
    });
    const here = 'mount --bind "$0/other" "$0/below" && exec "$@"';
    const run = [EXECUTABLE, 'oci', '--root', host.root, 'run', '--bundle', bundle, 'owned'];
    const { code, stdout, stderr } = await command('unshare', ['-m', 'sh', '-c', here, files, ...run], {
      env: { MYDOCKER_ROOT: `${host.dir}/engine` },
    });
    assert.equal(code, 0, stderr);
    return stdout.trim().replace('\n', ' ');
  };
  for (const name of ['other', 'below']) mkdirSync(`${files}/${name}`, { recursive: true });
  for (const path of [files, `${files}/other`]) chownSync(path, 1000, 2000);
  assert.equal(await seen(['rbind']), '7:8 1000:2000');
  assert.equal(await seen(['rbind', 'idmap']), '7:8 1000:2000');
  assert.equal(await seen(['rbind', 'ridmap']), '7:8 7:8');
  assert.equal(await seen(['rbind', 'ridmap', 'rro']), '7:8 7:8');
  const told = JSON.parse(await host.ok('features'));
  assert.equal(told.linux.mountExtensions.idmap.enabled, true);
});

test('rootfsPropagation: shared and slave of a group of its own, private, unbindable', async () => {
  const optional = 'awk \'$5 == "/" { $1=$2=$3=$4=$5=$6=""; print }\' /proc/self/mountinfo';
  const at = (word: string) =>
    host.sh(`${optional} | sed 's/ - .*//'`, (config) => {
      config.linux.rootfsPropagation = word;
    });
  assert.match(await at('shared'), /shared:\d+/);
  assert.doesNotMatch(await at('rprivate'), /shared|master/);
  assert.match(await at('unbindable'), /unbindable/);
});

test('personality: a 32-bit machine', async () => {
  const told = await host.sh('uname -m', (config) => {
    config.linux.personality = { domain: 'LINUX32' };
  });
  if (process.arch === 'x64') assert.equal(told, 'i686');
});

test('annotations: any, also empty ones; they stand in the state', async () => {
  const bundle = await host.bundle(['sleep', '1000'], (config) => {
    config.annotations = { 'org.example.empty': '', 'org.example.text': 'a "quoted" \u00fc' };
  });
  await host.ok('create', '--bundle', bundle, 'noted');
  const state = await host.state('noted');
  assert.deepEqual(state.annotations, { 'org.example.empty': '', 'org.example.text': 'a "quoted" \u00fc' });
  const { ociVersion, id, status, pid, bundle: path } = state;
  assert.deepEqual([ociVersion, id, status, path], ['1.2.0', 'noted', 'created', bundle]);
  assert.ok(pid > 1);
  await host.ok('delete', '--force', 'noted');
});
