/** Published ports from every side; held against other programs; free when they should be. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  ask,
  both,
  echo,
  HOST_IP,
  HOST_IP6,
  type Nest,
  NetHost,
  OTHER_IP,
  OTHER_IP6,
  type Target,
  twice,
} from './network-host.ts';

const host = new NetHost();
const blue = { gateway: '', gateway6: '' };
let web: Nest = { name: '', namespace: '', ip: '', ip6: '' };

before(async () => {
  Object.assign(blue, await host.network('blue', { ipv6: true }));
  await host.network('red', { ipv6: true });
  const ports = [
    '-p',
    '8080:7000',
    '-p',
    '8080:7000/udp',
    '-p',
    '127.0.0.1:8081:7000',
    '-p',
    '127.0.0.1:8081:7000/udp',
  ];
  const one = ['-p', `${HOST_IP}:8082:7000`, '-p', `[${HOST_IP6}]:8082:7000/udp`];
  web = await host.nest('web', '--network', 'blue', ...ports, ...one);
  await echo(host.namespace, '127.0.0.1', 7005);
});

test('-p from another host: TCP and UDP, IPv4 and IPv6, and the container sees the real address', async () => {
  assert.deepEqual(await ask(host.other, both(8080, HOST_IP, HOST_IP6)), twice(OTHER_IP, OTHER_IP6));
});

test('-p from the host itself: its addresses, the gateway’s, 127.0.0.1; ::1 is refused at once', async () => {
  const ips = [HOST_IP, HOST_IP6, blue.gateway, blue.gateway6];
  assert.deepEqual(await ask(host.namespace, both(8080, ...ips)), twice(...ips));
  const seen = await ask(host.namespace, both(8080, '127.0.0.1', '::1'));
  // The kernel takes no answer to ::1 from another interface: a program goes on to 127.0.0.1.
  assert.deepEqual(seen, twice(blue.gateway, 'refused'));
});

test('-p from containers by the host’s address: of the same network, of another, and the container itself', async () => {
  const targets = both(8080, HOST_IP, HOST_IP6);
  const mate = await host.nest('mate', '--network', 'blue');
  // Where bridges call netfilter themselves (br_netfilter) their own addresses are kept, else the gateway's is seen.
  for (const nest of [mate, web]) {
    const seen = await ask(nest.namespace, targets);
    const own = twice(nest.ip, nest.ip6);
    assert.deepEqual(seen, seen[0] === own[0] ? own : twice(blue.gateway, blue.gateway6), nest.name);
  }
  const stranger = await host.nest('stranger', '--network', 'red');
  assert.deepEqual(await ask(stranger.namespace, targets), twice(stranger.ip, stranger.ip6));
  await host.ok('rm', '-f', 'mate', 'stranger');
});

test('-p IP:… binds that address and no other', async () => {
  assert.deepEqual(await ask(host.namespace, both(8081, '127.0.0.1')), twice(blue.gateway));
  assert.deepEqual(await ask(host.namespace, both(8081, HOST_IP, '::1')), twice('refused', 'refused'));
  assert.deepEqual(await ask(host.other, both(8081, HOST_IP)), twice('refused'));
  assert.deepEqual(
    await ask(host.other, [
      ['tcp', HOST_IP, 8082],
      ['udp', HOST_IP6, 8082],
      ['tcp', HOST_IP6, 8082],
      ['udp', HOST_IP, 8082],
    ]),
    [OTHER_IP, OTHER_IP6, 'refused', 'refused'],
  );
  assert.deepEqual(await ask(host.namespace, both(8082, '127.0.0.1')), twice('refused'));
});

test('a container does not come to what listens on the host’s loopback only, though 127.0.0.1 leads to its ports', async () => {
  // What a container with CAP_NET_ADMIN could do: 127.0.0.1 is no longer its own, and its way is the gateway.
  await host.nest('sly', '--network', 'blue', '--cap-add', 'NET_ADMIN', '-p', '127.0.0.1:8083:7000');
  for (const line of [
    'ip addr del 127.0.0.1/8 dev lo',
    `ip route add 127.0.0.0/8 via ${blue.gateway} dev eth0`,
    'sysctl -qw net.ipv4.conf.eth0.route_localnet=1',
  ])
    assert.equal((await host.within('sly', 'sh', '-c', line)).code, 0, line);
  assert.deepEqual(await ask(host.namespace, both(7005, '127.0.0.1')), twice('127.0.0.1'));
  const sly = await host.namespaceOf('sly');
  assert.deepEqual(await ask(sly, both(7005, '127.0.0.1'), 2), twice('timeout'));
  await host.ok('rm', '-f', 'sly');
});

test('-p with ranges, and with a free port: what ps and inspect say is true', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'many',
    '-p',
    '8100-8102:7000-7002',
    '-p',
    '7003',
    'busybox',
    'sleep',
    '600',
  );
  await echo(await host.namespaceOf('many'), ...[7000, 7001, 7002, 7003].flatMap((port) => ['::', port]));
  const ports = await host.ok('ps', '--filter', 'name=many', '--format', '{{.Ports}}');
  const [, free = ''] =
    /^0\.0\.0\.0:8100-8102->7000-7002\/tcp, 0\.0\.0\.0:(\d+)->7003\/tcp$/.exec(ports) ?? [];
  assert.ok(Number(free) >= 32_768, ports);
  const inspected = JSON.parse(
    await host.ok('inspect', '-f', '{{json .NetworkSettings.Ports}}', 'many'),
  ) as Record<string, unknown>;
  assert.deepEqual(inspected['7003/tcp'], [{ HostIp: '0.0.0.0', HostPort: free }]);
  assert.deepEqual(inspected['7001/tcp'], [{ HostIp: '0.0.0.0', HostPort: '8101' }]);
  const targets = [8100, 8101, 8102, Number(free)].map((port): Target => ['tcp', HOST_IP, port]);
  assert.deepEqual(await ask(host.other, targets), [OTHER_IP, OTHER_IP, OTHER_IP, OTHER_IP]);
  await host.ok('restart', '-t', '0', 'many');
  assert.equal(
    await host.ok('ps', '--filter', 'name=many', '--format', '{{.Ports}}'),
    ports,
    'the same again',
  );
  await host.ok('rm', '-f', 'many');
});

test('-P publishes what the image and --expose name, each on a port of its own', async () => {
  await host.ok('create', '--name', 'seed', 'busybox', 'true');
  await host.ok('commit', '--change', 'EXPOSE 7000 7001/udp', 'seed', 'exposing');
  await host.ok('run', '-d', '--name', 'all', '-P', '--expose', '7002', 'exposing', 'sleep', '600');
  await echo(await host.namespaceOf('all'), ...[7000, 7001, 7002].flatMap((port) => ['::', port]));
  const ports = JSON.parse(
    await host.ok('inspect', '-f', '{{json .NetworkSettings.Ports}}', 'all'),
  ) as Record<string, Array<{ HostPort: string }>>;
  assert.deepEqual(Object.keys(ports).sort(), ['7000/tcp', '7001/udp', '7002/tcp']);
  const targets = Object.entries(ports).map(
    ([key, [at]]): Target => [key.endsWith('udp') ? 'udp' : 'tcp', HOST_IP, Number(at?.HostPort)],
  );
  assert.deepEqual(await ask(host.other, targets), [OTHER_IP, OTHER_IP, OTHER_IP]);
  await host.ok('rm', '-f', 'all', 'seed');
});
