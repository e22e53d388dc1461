/** Namespaces of an OCI bundle: config-linux.md § Namespaces, point by point. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync, readlinkSync } from 'node:fs';
import { after, test } from 'node:test';
import { type AnyConfig, OciHost } from './bundle.ts';
import { until } from './harness.ts';

const host = new OciHost();

/** A process in namespaces of its own, and what it takes to end it. */
async function elsewhere(...flags: string[]): Promise<number> {
  const child = spawn('unshare', [...flags, 'sleep', '1000000'], { stdio: 'ignore' });
  after(() => child.kill('SIGKILL'));
  const pid = child.pid ?? 0;
  const isThere = () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n';
  await until('it is in its namespaces', isThere);
  return pid;
}

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
