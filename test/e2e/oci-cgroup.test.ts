/**
 * Devices and resources of an OCI bundle: config-linux.md § Devices, § Control groups. With cgroup v1, and in a guest with v2
 * (npm run test:vm).
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type AnyConfig, cgroupsOf, OciHost } from './bundle.ts';
import { until } from './harness.ts';

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

test('memory: swappiness and disableOOMKiller with v1; refused on v2, which has neither', async () => {
  const memory = { limit: 64 * 2 ** 20, swappiness: 17, disableOOMKiller: true };
  const change = (config: AnyConfig): void => Object.assign(config.linux.resources, { memory });
  if (V2) {
    for (const one of [{ swappiness: 17 }, { disableOOMKiller: true }]) {
      const bundle = await host.bundle(['true'], (config) =>
        Object.assign(config.linux.resources, { memory: one }),
      );
      assert.match(await host.fails(1, 'run', '--bundle', bundle, 'x'), /cgroup v2/);
    }
    return;
  }
  const file = await cgroupFiles(change);
  assert.equal(file('memory.swappiness'), '17');
  assert.match(file('memory.oom_control'), /^oom_kill_disable 1$/m);
});

test('memory.checkBeforeUpdate: a limit below what is in use is an error, and the old one stays', async () => {
  const hold = 'head -c 20000000 /dev/zero >/dev/shm/held; touch /dev/shm/full; sleep 1000';
  const bundle = await host.bundle(['sh', '-c', hold], (config) => {
    config.linux.resources.memory = { limit: 100 * 2 ** 20 };
  });
  await host.ok('run', '-d', '--bundle', bundle, 'holds');
  await until('its memory is in use', async () => {
    return (await host.run(['exec', 'holds', 'test', '-e', '/dev/shm/full'])).code === 0;
  });
  const name = bundle.slice(bundle.lastIndexOf('/') + 1);
  const limit = V2 ? 'memory.max' : 'memory.limit_in_bytes';
  const file = cgroupsOf(host.cgroup)
    .map((dir) => `${dir.endsWith(`/${name}`) ? dir : ''}/${limit}`)
    .find((path) => existsSync(path));
  assert.ok(file !== undefined);
  const update = async (memory: object): Promise<{ code: number; stderr: string }> => {
    writeFileSync(`${host.dir}/update.json`, JSON.stringify({ memory }));
    return host.run(['update', '--resources', `${host.dir}/update.json`, 'holds']);
  };
  const { code, stderr } = await update({ limit: 5_000_000, checkBeforeUpdate: true });
  assert.equal(code, 1);
  assert.match(stderr, V2 ? /it uses \d+ bytes of memory, more than the new limit/ : /EBUSY/);
  assert.equal(readFileSync(file, 'utf8').trim(), String(100 * 2 ** 20));
  assert.equal((await host.state('holds')).status, 'running');
  assert.equal((await update({ limit: 90 * 2 ** 20, checkBeforeUpdate: true })).code, 0);
  assert.equal(readFileSync(file, 'utf8').trim(), String(90 * 2 ** 20));
  await host.ok('delete', '--force', 'holds');
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
