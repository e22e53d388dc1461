/** Networks and ports of containers that run are changed: by real traffic, from the moment they are. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, echo } from './echo.ts';
import { until } from './harness.ts';
import { HOST_IP, NetHost, OTHER_IP, WGET, webServer } from './network-host.ts';

const host = new NetHost();
afterEach(async () => {
  const ids = (await host.ok('ps', '-q')).split('\n').filter(Boolean);
  if (ids.length > 0) await host.ok('rm', '-f', ...ids);
  await host.ok('network', 'prune', '-f');
});
const IDLE = ['busybox', 'sleep', '600'];
const isUp = (container: string, port: number) =>
  until(`${container} listens on ${port}`, async () =>
    (await host.within(container, 'ss', '-Htln', `sport = :${port}`)).stdout.includes('LISTEN'),
  );
const pings = async (container: string, target: string) =>
  (await host.run(['exec', container, 'timeout', '4', 'ping', '-c1', '-W2', target])).code === 0;
const reaches = (container: string, target: string) =>
  until(`${container} pings ${target}`, () => pings(container, target));
const looksUp = async (container: string, name: string) =>
  (await host.run(['exec', container, 'timeout', '2', 'nslookup', name])).code === 0;
const addresses = async (container: string) =>
  (await host.ok('exec', container, 'ip', '-o', '-4', 'addr'))
    .split('\n')
    .flatMap((line) => /\d+: (eth\d+) +inet (\S+)/.exec(line)?.slice(1, 3).join(' ') ?? []);
const fetched = async (port: number, from: 'outside' | 'inside' = 'outside', ip = HOST_IP) =>
  (await host[from](...WGET, `http://${ip}:${port}/`)).stdout.trim();
const isRefused = async (port: number) =>
  (await host.outside('wget', '-T2', '-t1', '-qO-', `http://${HOST_IP}:${port}/`)).code !== 0;

test('connect and disconnect of a running container: address, route and names come and go, by ping and nslookup', async () => {
  await host.ok('network', 'create', '--subnet', '10.50.0.0/24', 'front');
  await host.ok(
    'network',
    'create',
    '--ipv6',
    '--subnet',
    '10.51.0.0/24',
    '--subnet',
    'fd00:51::/64',
    'back',
  );
  await host.ok('run', '-d', '--name', 'web', '--network', 'front', ...IDLE);
  await host.ok('run', '-d', '--name', 'db', '--network', 'back', ...IDLE);
  const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', 'web');
  assert.equal(await pings('web', '10.51.0.2'), false, 'two networks are closed to each other');
  assert.equal(await looksUp('web', 'db'), false);
  await host.ok('network', 'connect', '--ip', '10.51.0.77', '--alias', 'shop', 'back', 'web');
  assert.deepEqual(await addresses('web'), ['eth0 10.50.0.2/24', 'eth1 10.51.0.77/24']);
  await reaches('web', 'db');
  for (const name of ['web', 'shop', (await host.ok('ps', '-q', '--filter', 'name=web')).slice(0, 12)])
    await reaches('db', name);
  assert.match(await host.ok('exec', 'db', 'nslookup', 'shop'), /Address:? .*10\.51\.0\.77/);
  assert.match(await host.ok('exec', 'db', 'nslookup', '10.51.0.77'), /web/);
  assert.match(await host.ok('exec', 'db', 'nslookup', '-type=AAAA', 'web'), /fd00:51::/);
  const pings6 = ['exec', 'web', 'ping', '-6', '-c1', '-W2', 'db'];
  await until('IPv6', async () => (await host.run(pings6)).code === 0);
  assert.match(await host.ok('exec', 'web', 'ip', 'route'), /default via 10\.50\.0\.1 dev eth0/);
  assert.match(await host.ok('exec', 'web', 'cat', '/etc/hosts'), /10\.51\.0\.77\t/);
  const networks = JSON.parse(await host.ok('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'web'));
  assert.deepEqual(Object.keys(networks), ['front', 'back']);
  assert.deepEqual([networks.back.IPAddress, networks.back.Aliases], ['10.51.0.77', ['shop']]);
  // The way out goes over to the other network with the first.
  await host.ok('network', 'disconnect', 'front', 'web');
  assert.deepEqual(await addresses('web'), ['eth1 10.51.0.77/24']);
  assert.match(await host.ok('exec', 'web', 'ip', 'route'), /default via 10\.51\.0\.1 dev eth1/);
  await reaches('web', OTHER_IP);
  assert.equal(await host.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'web'), '10.51.0.77');
  await host.ok('network', 'disconnect', 'back', 'web');
  assert.deepEqual(await addresses('web'), []);
  assert.equal(await pings('web', OTHER_IP), false);
  for (const name of ['web', 'shop', '10.51.0.77'])
    assert.equal(await looksUp('db', name), false, `${name} is gone`);
  assert.doesNotMatch(await host.ok('exec', 'web', 'cat', '/etc/hosts'), /10\.5/);
  await host.ok('network', 'connect', 'back', 'web');
  assert.deepEqual(await addresses('web'), ['eth0 10.51.0.3/24'], 'a free address and the first free name');
  await reaches('web', OTHER_IP);
  assert.equal(await host.ok('inspect', '-f', '{{.State.Pid}}', 'web'), pid, 'the same process all the time');
});

test('a stopped container: connected, its address kept; it starts in both networks; disconnected', async () => {
  await host.ok('network', 'create', '--subnet', '10.50.0.0/24', 'front');
  await host.ok('network', 'create', '--subnet', '10.51.0.0/24', 'back');
  await host.ok('create', '--name', 'late', '--network', 'front', ...IDLE);
  await host.ok('run', '-d', '--name', 'peer', '--network', 'back', ...IDLE);
  await host.ok('network', 'connect', '--ip', '10.51.0.9', 'back', 'late');
  assert.equal(await looksUp('peer', 'late'), false, 'its name comes when it starts');
  await host.ok('start', 'late');
  assert.deepEqual(await addresses('late'), ['eth0 10.50.0.2/24', 'eth1 10.51.0.9/24']);
  await reaches('peer', 'late');
  await host.ok('stop', '-t', '0', 'late');
  assert.equal(await looksUp('peer', 'late'), false);
  await host.ok('network', 'disconnect', 'front', 'late');
  await host.ok('start', 'late');
  assert.deepEqual(await addresses('late'), ['eth1 10.51.0.9/24']);
});

test('what was connected while it ran goes with its end: exit, rm -f, a killed monitor, --rm', async () => {
  await host.ok('network', 'create', '--subnet', '10.51.0.0/24', 'back');
  await host.ok('run', '-d', '--name', 'peer', '--network', 'back', ...IDLE);
  const lease = async () =>
    (await host.inside('ls', `${host.root}/networks/back/leases`)).stdout.split('\n').filter(Boolean);
  for (const how of ['exit', 'rm', 'kill', '--rm']) {
    const flags = how === '--rm' ? ['--rm'] : [];
    const id = await host.ok('run', '-d', ...flags, '--name', 'guest', '-p', '8090:80', ...IDLE);
    await host.ok('network', 'connect', 'back', 'guest');
    await host.ok('update', '--publish-add', '8091:80', 'guest');
    await reaches('peer', 'guest');
    if (how === 'kill') {
      const state = JSON.parse(readFileSync(`${host.root}/run/${id}/state.json`, 'utf8')) as {
        monitorPid: number;
      };
      process.kill(state.monitorPid, 'SIGKILL');
      await until('it is buried', async () => (await host.ok('ps')).includes('stopped'));
    } else if (how === 'rm') await host.ok('rm', '-f', 'guest');
    else await host.ok('kill', 'guest');
    await until(`${how}: its name is gone`, async () => !(await looksUp('peer', 'guest')));
    const traces = async () => (await host.traces()).filter((line) => /809[01]|any4|self4/.test(line));
    await until(`${how}: no port is left`, async () => (await traces()).length === 0);
    if (how === 'exit' || how === 'kill') {
      assert.deepEqual(await lease(), ['10.51.0.2', '10.51.0.3'], `${how}: it keeps its address`);
      await host.ok('start', 'guest');
      await reaches('peer', 'guest');
      await host.ok('rm', '-f', 'guest');
    }
    await until(`${how}: its address is free`, async () => (await lease()).join() === '10.51.0.2');
  }
});

test('update --publish-add and --publish-rm: TCP and UDP, the same process, and the next start', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    '8080:80',
    ...webServer('found').toSpliced(0, 0, 'busybox'),
  );
  await isUp('web', 80);
  const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', 'web');
  assert.equal(await fetched(8080), 'found');
  assert.ok(await isRefused(8082));
  await host.ok('update', '--publish-add', '8082:80', '--publish-add', '127.0.0.1:8083:80', 'web');
  for (const port of [8080, 8082]) assert.equal(await fetched(port), 'found');
  assert.equal(await fetched(8083, 'inside', '127.0.0.1'), 'found');
  assert.ok(await isRefused(8083));
  const own = ['timeout', '5', 'wget', '-qO-', `http://${HOST_IP}:8082/`];
  assert.equal(await host.ok('exec', 'web', ...own), 'found', 'the container itself');
  assert.equal(
    await host.ok('ps', '--format', '{{.Ports}}'),
    '0.0.0.0:8080->80/tcp, 0.0.0.0:8082->80/tcp, 127.0.0.1:8083->80/tcp',
  );
  assert.equal(await host.ok('port', 'web', '80'), '0.0.0.0:8080\n0.0.0.0:8082\n127.0.0.1:8083');
  // In one moment from one port to another.
  await host.ok('network', 'update', '--publish-rm', '8080:80', '--publish-add', '8084:80', 'web');
  assert.equal(await fetched(8084), 'found');
  assert.ok(await isRefused(8080));
  const free = await echo(host.namespace, '0.0.0.0', 8080);
  await free.stop();
  assert.equal(await host.ok('inspect', '-f', '{{.State.Pid}}', 'web'), pid);
  await host.ok('restart', '-t', '0', 'web');
  await isUp('web', 80);
  for (const port of [8082, 8084]) assert.equal(await fetched(port), 'found', 'after a restart too');
  assert.ok(await isRefused(8080));
  // Another port of the container behind the same one of the host.
  await host.ok(
    'exec',
    '-d',
    'web',
    'sh',
    '-c',
    'mkdir /o; echo other >/o/index.html; exec httpd -f -h /o -p 81',
  );
  await isUp('web', 81);
  await host.ok('update', '--publish-rm', '8082:80', '--publish-add', '8082:81', 'web');
  assert.equal(await fetched(8082), 'other');
  const server = await echo(await host.namespaceOf('web'), '::', 5353);
  await host.ok('update', '--publish-add', '5300:5353/udp', 'web');
  assert.deepEqual(await ask(host.other, [['udp', HOST_IP, 5300]]), [OTHER_IP]);
  await server.stop();
  await host.ok('update', '--publish-rm', '81', '--publish-rm', '80', '--publish-rm', '5353/udp', 'web');
  assert.equal(await host.ok('port', 'web'), '');
  assert.deepEqual(
    (await host.traces()).filter((line) => /any4|one4|self4|:8\d\d\d/.test(line)),
    [],
  );
});

test('ports follow the container when the network they led by is left', async () => {
  await host.ok('network', 'create', 'front');
  await host.ok('network', 'create', '--internal', 'inner');
  await host.ok('run', '-d', '--name', 'web', '-p', '8080:80', 'busybox', ...webServer('found'));
  await isUp('web', 80);
  assert.equal(await fetched(8080), 'found');
  await host.ok('network', 'connect', 'front', 'web');
  await host.ok('network', 'disconnect', 'bridge', 'web');
  assert.equal(await fetched(8080), 'found', 'by its address in front');
  assert.equal(await fetched(8080, 'inside', '127.0.0.1'), 'found');
  await host.ok('network', 'connect', 'inner', 'web');
  await host.ok('network', 'disconnect', 'front', 'web');
  assert.ok(await isRefused(8080), 'an internal network is no way in');
  await host.ok('network', 'connect', 'bridge', 'web');
  assert.equal(await fetched(8080), 'found', 'and there again');
});

test('a paused container, and one that is renamed: others find it by its new name only', async () => {
  await host.ok('network', 'create', 'front');
  await host.ok('network', 'create', 'back');
  await host.ok('run', '-d', '--name', 'peer', '--network', 'front', ...IDLE);
  await host.ok('run', '-d', '--name', 'before', '--network', 'front', ...IDLE);
  await host.ok('pause', 'before');
  await host.ok('network', 'connect', 'back', 'before');
  await host.ok('network', 'disconnect', 'back', 'before');
  await host.ok('unpause', 'before');
  await host.ok('rename', 'before', 'after');
  await reaches('peer', 'after');
  assert.equal(await looksUp('peer', 'before'), false);
  await host.ok('rm', '-f', 'after');
  await until('the new name goes too', async () => !(await looksUp('peer', 'after')));
});

test('one that shares the network of a container that is gone says whose it was', async () => {
  await host.ok('run', '-d', '--name', 'owner', ...IDLE);
  await host.ok('create', '--name', 'guest', '--network', 'container:owner', ...IDLE);
  await host.ok('rm', '-f', 'owner');
  assert.match(
    await host.fails(1, 'start', 'guest'),
    /cannot start guest: the container [0-9a-f]{12}, whose namespace it shares, is no more; make guest anew/,
  );
  await host.ok('rm', 'guest');
});

test('renamed in the moment it starts: others find it by its new name, whichever comes first', async () => {
  await host.ok('network', 'create', 'front');
  await host.ok('run', '-d', '--name', 'peer', '--network', 'front', ...IDLE);
  for (let round = 0; round < 12; round++) {
    await host.ok('create', '--name', 'before', '--network', 'front', ...IDLE);
    const start = host.ok('start', 'before').catch((error: Error) => {
      // It comes second, and looks for a name that is gone.
      if (!/no such container: before/.test(error.message)) throw error;
      return host.ok('start', 'after');
    });
    await sleep(round * 2);
    await Promise.all([start, host.ok('rename', 'before', 'after')]);
    assert.deepEqual([await looksUp('peer', 'after'), await looksUp('peer', 'before')], [true, false]);
    await host.ok('rm', '-f', 'after');
  }
});
