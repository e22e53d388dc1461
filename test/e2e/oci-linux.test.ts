/** What the linux part of config.json asks for, and the container has: config-linux.md, point by point. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AnyConfig, cgroupsOf, OciHost, removeCgroup } from './bundle.ts';

const host = new OciHost();
const V2 = existsSync('/sys/fs/cgroup/cgroup.controllers');

test('devices: those every container has, those asked for with number, mode and owner, outside /dev too', async () => {
  const script = [
    'cd /dev; for d in null zero full random urandom tty ptmx; do test -c $d || echo no $d; done',
    'for l in fd stdin stdout stderr ptmx; do readlink $l; done',
    'stat -c "%F %t:%T %a %u:%g" /dev/mine /own/block /own/pipe',
  ].join(';');
  const told = await host.sh(script, (config) => {
    config.root.readonly = false;
    config.linux.devices = [
      { type: 'c', path: '/dev/mine', major: 1, minor: 5, fileMode: 0o640, uid: 3, gid: 4 },
      { type: 'b', path: '/own/block', major: 7, minor: 300, fileMode: 0o600 },
      { type: 'p', path: '/own/pipe', fileMode: 0o666 },
    ];
  });
  assert.deepEqual(told.split('\n'), [
    ...['/proc/self/fd', '/proc/self/fd/0', '/proc/self/fd/1', '/proc/self/fd/2', 'pts/ptmx'],
    ...['character special file 1:5 640 3:4', 'block special file 7:12c 600 0:0', 'fifo 0:0 666 0:0'],
  ]);
  const bundle = await host.bundle(['true'], (config) => {
    config.linux.devices = [{ type: 'c', path: '/etc/passwd', major: 1, minor: 5 }];
    config.root.readonly = false;
  });
  assert.match(await host.fails(1, 'run', '--bundle', bundle, 'x'), /another file is there already/);
});

test('resources.devices: in their order, the last that fits decides; the default ones always', async () => {
  const script = [
    'for d in allowed denied; do head -c 1 /dev/$d > /dev/null 2>&1 && echo $d || echo not $d; done',
    'echo x > /dev/null && head -c 1 /dev/urandom > /dev/null && echo defaults',
  ].join(';');
  const told = await host.sh(script, (config) => {
    config.linux.devices = [
      // rtc-like numbers of the mem devices: 1:11 is kmsg, 1:8 random.
      { type: 'c', path: '/dev/allowed', major: 1, minor: 5 },
      { type: 'c', path: '/dev/denied', major: 1, minor: 11 },
    ];
    config.linux.resources.devices = [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'c', major: 1, minor: 11, access: 'r' },
      { allow: false, type: 'c', major: 1, minor: 11, access: 'rwm' },
    ];
  });
  assert.equal(told, 'allowed\nnot denied\ndefaults');
});

/** A file of the container's own cgroup, read on the host while it runs. */
async function cgroupFiles(change: (config: AnyConfig) => void): Promise<(name: string) => string> {
  const bundle = await host.bundle(['sleep', '1000'], change);
  await host.ok('run', '-d', '--bundle', bundle, 'limits');
  const name = bundle.slice(bundle.lastIndexOf('/') + 1);
  const dirs = cgroupsOf(host.cgroup).filter((dir) => dir.endsWith(`/${name}`));
  const texts = new Map<string, string>();
  for (const dir of dirs)
    for (const file of readdirSync(dir)) {
      try {
        texts.set(file, readFileSync(`${dir}/${file}`, 'latin1').trim());
      } catch (error) {
        // Some can only be written.
        if (!/EINVAL|EPERM|EACCES|EOPNOTSUPP|ENODATA|EIO/.test(String(error))) throw error;
      }
    }
  await host.ok('delete', '--force', 'limits');
  return (file) => texts.get(file) ?? 'no such file';
}

test('resources: memory, cpu, pids and cpuset stand in the files of the container’s cgroup', async () => {
  const file = await cgroupFiles((config) => {
    Object.assign(config.linux.resources, {
      memory: { limit: 64 * 2 ** 20, reservation: 32 * 2 ** 20 },
      cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: '0', mems: '0' },
      pids: { limit: 77 },
    });
  });
  const wanted = V2
    ? { 'memory.max': '67108864', 'memory.low': '33554432', 'cpu.max': '50000 100000', 'cpuset.cpus': '0' }
    : {
        'memory.limit_in_bytes': '67108864',
        'memory.soft_limit_in_bytes': '33554432',
        'cpu.shares': '512',
        'cpu.cfs_quota_us': '50000',
        'cpu.cfs_period_us': '100000',
        'cpuset.cpus': '0',
      };
  for (const [name, value] of Object.entries(wanted)) assert.equal(file(name), value, name);
  assert.equal(file('pids.max'), '77');
});

test('resources: what this host has no controller for, or no kernel has, is refused and named', async () => {
  const wrong: Array<readonly [resources: object, why: RegExp]> = [
    [{ network: { classID: 7 } }, /no net_cls cgroup controller/],
    [{ network: { priorities: [{ name: 'lo', priority: 1 }] } }, /no net_prio cgroup controller/],
    [{ rdma: { mlx5_1: { hcaHandles: 1 } } }, /linux\.resources\.rdma is not supported/],
    [{ blockIO: { leafWeight: 10 } }, /has a leafWeight/],
    [{ cpu: { quota: 1000, burst: 2000 } }, /linux\.resources\.cpu\.burst is 2000, more than quota/],
    ...(V2 ? [] : [[{ unified: { 'memory.high': '1' } }, /no unified cgroup controller/] as const]),
  ];
  for (const [resources, why] of wrong) {
    const bundle = await host.bundle(['true'], (config) => Object.assign(config.linux.resources, resources));
    assert.match(await host.fails(1, 'run', '--bundle', bundle, 'x'), why);
  }
  assert.deepEqual(host.left(), []);
});

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
