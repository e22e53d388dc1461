/** What config.json asks for, and the container has: config.md, point by point. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { test } from 'node:test';
import { type AnyConfig, OciHost } from './bundle.ts';

const host = new OciHost();

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

test('process.execCPUAffinity: of an exec alone; initial before the cgroup is entered, final after it', async () => {
  const seen = async (execCPUAffinity: object | undefined): Promise<string> => {
    const bundle = await host.bundle(['sleep', '1000'], (config) => {
      config.process.execCPUAffinity = execCPUAffinity;
    });
    await host.ok('run', '-d', '--bundle', bundle, 'cores');
    const cores = ['grep', 'Cpus_allowed_list', '/proc/self/status'];
    const first = await host.ok('exec', 'cores', 'grep', 'Cpus_allowed_list', '/proc/1/status');
    const told = `${first} ${await host.ok('exec', 'cores', ...cores)}`;
    await host.ok('delete', '--force', 'cores');
    return told.replaceAll(/Cpus_allowed_list:\t/g, '');
  };
  const all = readFileSync('/proc/self/status', 'utf8').match(/Cpus_allowed_list:\t(.*)/)?.[1];
  assert.equal(await seen(undefined), `${all} ${all}`);
  assert.equal(await seen({ final: '0' }), `${all} 0`);
  assert.equal(await seen({ initial: '0' }), `${all} ${all}`);
  assert.equal(await seen({ initial: '', final: '' }), `${all} ${all}`);
  for (const when of ['initial', 'final']) {
    const bundle = await host.bundle(['sleep', '1000'], (config) => {
      config.process.execCPUAffinity = { [when]: '8000' };
    });
    await host.ok('run', '-d', '--bundle', bundle, 'cores');
    assert.match(
      await host.fails(255, 'exec', 'cores', 'true'),
      /cpu-affinity: EINVAL: .*the container’s cpuset has none of these processors/,
    );
    await host.ok('delete', '--force', 'cores');
  }
});

test('linux.memoryPolicy: of the program, and of an exec', async (t) => {
  if (!existsSync('/proc/self/numa_maps'))
    return t.skip('this kernel has no NUMA: /proc/self/numa_maps is missing');
  const policies = ['awk', '{ print $2 }', '/proc/self/numa_maps'];
  const bundle = await host.bundle(['sleep', '1000'], (config) => {
    config.linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] };
  });
  await host.ok('run', '-d', '--bundle', bundle, 'numa');
  const first = await host.ok('exec', 'numa', 'awk', '{ print $2 }', '/proc/1/numa_maps');
  for (const told of [first, await host.ok('exec', 'numa', ...policies)])
    assert.deepEqual([...new Set(told.split('\n'))], ['bind=static:0']);
  await host.ok('delete', '--force', 'numa');
  const wrong = await host.bundle(['true'], (config) => {
    config.linux.memoryPolicy = { mode: 'MPOL_BIND', nodes: '700' };
  });
  assert.match(
    await host.fails(1, 'run', '--bundle', wrong, 'numa'),
    /memory-policy: EINVAL: .*this host lacks one of the nodes/,
  );
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
