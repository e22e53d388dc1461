/** What config.json asks for, and the container has: config.md and config-linux.md, point by point. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { after, test } from 'node:test';
import { type AnyConfig, cgroupsOf, OciHost, removeCgroup } from './bundle.ts';
import { until } from './harness.ts';

const host = new OciHost();
const V2 = existsSync('/sys/fs/cgroup/cgroup.controllers');

/** A process in namespaces of its own, and what it takes to end it. */
async function elsewhere(...flags: string[]): Promise<number> {
  const child = spawn('unshare', [...flags, 'sleep', '1000000'], { stdio: 'ignore' });
  after(() => child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  const isThere = () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n';
  await until('it is in its namespaces', isThere);
  return pid;
}

test('root: path may be relative or absolute; readonly is read-only, and without it is not', async () => {
  const touch = 'touch /file 2>/dev/null && echo written || echo refused; touch /dev/shm/file && echo shm';
  assert.equal(await host.sh(touch), 'refused\nshm');
  assert.equal(
    await host.sh(touch, (config) => {
      config.root.readonly = false;
    }),
    'written\nshm',
  );
  const bundle = await host.bundle(['pwd']);
  host.edit(bundle, (config) => {
    config.root.path = `${bundle}/rootfs`;
    config.process.cwd = '/tmp';
  });
  assert.equal((await host.run(['run', '--bundle', bundle, 'absolute'])).stdout, '/tmp\n');
});

test('mounts: in their order, nested; a relative destination is below /; a relative source below the bundle', async () => {
  const told = await host.sh(
    'cat /a/b/file; grep -c " /a" /proc/self/mounts; mount | grep " /rel "',
    (config) => {
      mkdirSync(`${host.dir}/first/b`, { recursive: true });
      mkdirSync(`${host.dir}/second`, { recursive: true });
      writeFileSync(`${host.dir}/second/file`, 'second\n');
      config.mounts.push(
        { destination: '/a', type: 'bind', source: `${host.dir}/first`, options: ['bind'] },
        { destination: '/a/b', type: 'none', source: `${host.dir}/second`, options: ['rbind', 'ro'] },
        { destination: 'rel', type: 'tmpfs', source: 'named', options: ['size=4k', 'noexec'] },
      );
    },
  );
  assert.match(told, /^second\n2\nnamed on \/rel type tmpfs \(rw,noexec,relatime,size=4k/);
  const bundle = await host.bundle(['cat', '/here/file'], (config) => {
    config.mounts.push({ destination: '/here', type: 'bind', source: 'data', options: ['rbind', 'rro'] });
  });
  mkdirSync(`${bundle}/data`);
  writeFileSync(`${bundle}/data/file`, 'in the bundle\n');
  assert.equal((await host.run(['run', '--bundle', bundle, 'relative'])).stdout, 'in the bundle\n');
});

test('mounts: tmpcopyup copies what it covers, links and modes too; a tmpfs takes over the mode below it', async () => {
  const bundle = await host.bundle(
    ['sh', '-c', 'ls -ld /etc /keep; cat /etc/passwd /etc/hard; ls -l /etc'],
    (config) => {
      config.mounts.push(
        { destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
        { destination: '/keep', type: 'tmpfs', source: 'tmpfs' },
      );
    },
  );
  const etc = `${bundle}/rootfs/etc`;
  writeFileSync(`${etc}/hard`, 'hard\n');
  const { linkSync } = await import('node:fs');
  linkSync(`${etc}/hard`, `${etc}/harder`);
  symlinkSync('hard', `${etc}/soft`);
  mkdirSync(`${bundle}/rootfs/keep`);
  chmodSync(`${bundle}/rootfs/keep`, 0o1750);
  chmodSync(etc, 0o711);
  const { stdout, stderr } = await host.run(['run', '--bundle', bundle, 'copyup']);
  assert.match(stdout, /^drwx--x--x .* \/etc\ndrwxr-x--T .* \/keep\nroot:x:0:0/, stderr);
  assert.match(stdout, /\nhard\n/);
  assert.match(stdout, / 2 root +root .* hard\n.* 2 root +root .* harder\n/);
  assert.match(stdout, /soft -> hard/);
  assert.equal(existsSync(`${etc}/.mydocker-links`), false);
  assert.doesNotMatch(stdout, /mydocker/);
});

test('process: args by PATH, env and nothing else, cwd made when missing, user, groups, umask', async () => {
  const told = await host.sh('env | sort; pwd; id -u; id -g; id -G; umask; echo "$0 $1"', (config) => {
    config.process.env = ['PATH=/bin', 'A=b c', 'EMPTY='];
    config.process.cwd = '/new/directory';
    config.process.user = { uid: 7, gid: 8, additionalGids: [9, 10], umask: 0o27 };
    config.process.args = [...config.process.args, 'zero', 'one'];
    config.root.readonly = false;
  });
  assert.deepEqual(told.split('\n'), [
    ...['A=b c', 'EMPTY=', 'HOME=/', 'PATH=/bin', 'PWD=/new/directory', 'SHLVL=1'],
    ...['/new/directory', '7', '8', '8 9 10', '0027', 'zero one'],
  ]);
});

test('process: rlimits, noNewPrivileges, oomScoreAdj, ioPriority, scheduler', async () => {
  const script = [
    'ulimit -n; ulimit -Hn; ulimit -c',
    'grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj; cut -d" " -f19,41 /proc/self/stat',
  ].join(';');
  const told = await host.sh(script, (config) => {
    config.process.rlimits = [
      { type: 'RLIMIT_NOFILE', soft: 50, hard: 60 },
      { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
    ];
    config.process.noNewPrivileges = false;
    config.process.oomScoreAdj = 123;
    config.process.scheduler = { policy: 'SCHED_BATCH', nice: 5 };
    config.process.ioPriority = { class: 'IOPRIO_CLASS_IDLE' };
  });
  assert.equal(told.replaceAll('\t', ' '), '50\n60\n0\nNoNewPrivs: 0\n123\n5 3');
  assert.match(await host.sh('grep NoNewPrivs /proc/self/status'), /1$/);
});

test('process: the five sets of capabilities, each as asked', async () => {
  const told = await host.sh('grep Cap /proc/self/status', (config) => {
    config.process.capabilities = {
      bounding: ['CAP_KILL', 'CAP_CHOWN', 'CAP_SETUID'],
      permitted: ['CAP_KILL', 'CAP_CHOWN'],
      effective: ['CAP_KILL'],
      inheritable: ['CAP_CHOWN'],
      ambient: ['CAP_CHOWN'],
    };
    config.process.user = { uid: 1000, gid: 1000 };
  });
  // Ambient ones stay over execve(2) for a user that is not root: capabilities(7).
  const sets = Object.fromEntries(told.split('\n').map((line) => line.split(/:\s+0*/)));
  assert.deepEqual(sets, { CapInh: '1', CapPrm: '1', CapEff: '1', CapBnd: 'a1', CapAmb: '1' });
});

test('process: a capability nobody knows is an error up to version 1.0.2, a warning since 1.1', async () => {
  const bundle = await host.bundle(['true'], (config) => {
    config.process.capabilities.bounding.push('CAP_TEST');
    config.ociVersion = '1.0.2';
  });
  assert.match(await host.fails(1, 'run', '--bundle', bundle, 'x'), /is "CAP_TEST", which is no capability/);
  host.edit(bundle, (config) => {
    config.ociVersion = '1.1.0';
  });
  const result = await host.run(['run', '--bundle', bundle, 'x']);
  assert.equal(result.code, 0);
  assert.match(result.stderr, /is "CAP_TEST".*ignored/);
});

test('process may be missing: create takes it, start does not', async () => {
  const bundle = await host.bundle(['true'], (config) => {
    delete config.process;
  });
  await host.ok('create', '--bundle', bundle, 'nothing');
  assert.match(await host.fails(1, 'start', 'nothing'), /process is missing, and required to start/);
  assert.equal((await host.state('nothing')).status, 'created', 'as if start had never been tried');
  await host.ok('delete', '--force', 'nothing');
  assert.deepEqual(host.left(), []);
});

test('hostname and domainname, in a uts namespace only', async () => {
  const name = readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
  const told = await host.sh('hostname; cat /proc/sys/kernel/domainname', (config) => {
    config.hostname = 'nest';
    config.domainname = 'example.org';
  });
  assert.equal(told, 'nest\nexample.org');
  assert.equal(readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(), name);
  const bundle = await host.bundle(['true'], (config) => {
    config.linux.namespaces = config.linux.namespaces.filter((n: AnyConfig) => n.type !== 'uts');
  });
  assert.match(
    await host.fails(1, 'run', '--bundle', bundle, 'x'),
    /hostname cannot be set: there is no uts/,
  );
});

const TYPES = {
  pid: 'pid',
  net: 'network',
  ipc: 'ipc',
  uts: 'uts',
  mnt: 'mount',
  cgroup: 'cgroup',
  time: 'time',
};

test('namespaces: new ones where there is no path, the runtime’s where they are not listed', async () => {
  const names = Object.keys(TYPES);
  const show = `for n in ${names.join(' ')}; do readlink /proc/self/ns/$n; done`;
  const links = (text: string) => text.split('\n');
  const all = links(
    await host.sh(show, (config) => {
      config.linux.namespaces = Object.values(TYPES).map((type) => ({ type }));
    }),
  );
  const few = links(
    await host.sh(show, (config) => {
      config.linux.namespaces = [{ type: 'mount' }];
      delete config.hostname;
      config.mounts = config.mounts.filter((m: AnyConfig) => !/mqueue|cgroup|^\/sys$/.test(m.destination));
    }),
  );
  for (const [i, name] of names.entries()) {
    const own = readlinkSync(`/proc/self/ns/${name}`);
    assert.notEqual(all[i], own, `${name}: a new one`);
    if (name !== 'mnt') assert.equal(few[i], own, `${name}: the runtime’s`);
  }
});

test('namespaces: the one of a path is entered, whatever its type', async () => {
  const pid = await elsewhere('--net', '--ipc', '--uts', '--mount', '--cgroup');
  for (const name of ['net', 'ipc', 'uts', 'mnt', 'cgroup'] as const) {
    const path = `/proc/${pid}/ns/${name}`;
    const told = await host.sh(`readlink /proc/self/ns/${name}`, (config) => {
      const rest = config.linux.namespaces.filter((n: AnyConfig) => n.type !== TYPES[name]);
      config.linux.namespaces = [...rest, { type: TYPES[name], path }];
      if (name === 'uts') delete config.hostname;
    });
    assert.equal(told, readlinkSync(path), name);
  }
});

test('namespaces: a path of another type, of none, or that is not there is refused', async () => {
  const wrong: Array<readonly [type: string, path: string, why: RegExp]> = [
    ['ipc', '/proc/self/ns/mnt', /another type/],
    ['mount', '/proc/self/ns/net', /another type/],
    ['network', '/proc/self/ns/pid', /another type/],
    ['pid', '/proc/self/ns/user', /another type/],
    ['uts', '/proc/self/ns/cgroup', /another type/],
    ['cgroup', '/proc/self/ns/ipc', /another type/],
    ['network', '/etc/passwd', /no namespace/],
    ['network', '/no/such/file', /not there/],
  ];
  for (const [type, path, why] of wrong) {
    const bundle = await host.bundle(['true'], (config) => {
      const rest = config.linux.namespaces.filter((n: AnyConfig) => n.type !== type);
      config.linux.namespaces = [...rest, { type, path }];
      delete config.hostname;
    });
    assert.match(await host.fails(1, 'create', '--bundle', bundle, 'x'), why, `${type} ${path}`);
  }
  assert.deepEqual(host.left(), []);
});

test('user namespaces: who is who, and mounts that only its root may make', async () => {
  const map = [{ containerID: 0, hostID: 100000, size: 5000 }];
  const bundle = await host.bundle(
    [
      'sh',
      '-c',
      'cat /proc/self/uid_map; cat /proc/self/gid_map; id -u; id -g; echo x > /dev/null && echo null',
    ],
    (config) => {
      config.linux.namespaces.push({ type: 'user' });
      config.linux.uidMappings = map;
      config.linux.gidMappings = [{ containerID: 0, hostID: 200000, size: 4000 }];
      config.mounts = config.mounts.filter((m: AnyConfig) => m.type !== 'cgroup');
    },
  );
  chmodSync(bundle, 0o755);
  chmodSync(host.dir, 0o755);
  const { stdout, stderr } = await host.run(['run', '--bundle', bundle, 'users']);
  assert.equal(stdout.replaceAll(/ +/g, ' '), ' 0 100000 5000\n 0 200000 4000\n0\n0\nnull\n', stderr);
});

test('time namespaces: the clocks are ahead as asked', async () => {
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
  const told = await host.sh('cat /proc/uptime; cat /proc/self/timens_offsets', (config) => {
    config.linux.namespaces.push({ type: 'time' });
    config.linux.timeOffsets = { boottime: { secs: 1_000_000 }, monotonic: { secs: 5, nanosecs: 7 } };
  });
  assert.ok(Number(told.split(' ')[0]) >= uptime + 1_000_000, told);
  assert.match(told, /monotonic +5 +7\nboottime +1000000 +0/);
});

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
  const { readdirSync } = await import('node:fs');
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
