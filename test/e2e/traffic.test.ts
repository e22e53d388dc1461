/** What containers reach, and from where they seem to come: each other, the host, another host; networks are apart. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { command, until } from './harness.ts';
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
  PYTHON,
  Server,
  twice,
} from './network-host.ts';

const host = new NetHost();
const BLUE = { gateway: '', gateway6: '' };
const nests: Record<'a' | 'b' | 'c' | 'd', Nest> = { ...({} as Record<'a' | 'b' | 'c' | 'd', Nest>) };

const ping = (from: Nest, to: string) => host.run(['exec', from.name, 'ping', '-c1', '-W5', to]);

before(async () => {
  Object.assign(BLUE, await host.network('blue', { ipv6: true }));
  await host.network('red', { ipv6: true });
  for (const [name, network] of [
    ['a', 'blue'],
    ['b', 'blue'],
    ['c', 'red'],
    ['d', 'bridge'],
  ] as const)
    nests[name] = await host.nest(`nest-${name}`, '--network', network);
  await echo(host.namespace, '::', 7001);
  await echo(host.other, '::', 7002);
});

test('container ↔ container: ping, TCP and UDP, IPv4 and IPv6, with their own addresses', async () => {
  const { a, b } = nests;
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    assert.deepEqual(await ask(from.namespace, both(7000, to.ip, to.ip6)), twice(from.ip, from.ip6));
    for (const ip of [to.ip, to.ip6]) assert.equal((await ping(from, ip)).code, 0, `ping ${ip}`);
  }
});

test('container ↔ host: ping, TCP and UDP, IPv4 and IPv6, by each address of the host', async () => {
  const { a } = nests;
  const ways = [BLUE.gateway, HOST_IP, BLUE.gateway6, HOST_IP6];
  // A server on all addresses answers a datagram from the one of the way back: not TCP’s, nor ours to mend.
  const targets = both(7001, ...ways).filter(
    ([protocol, ip]) => protocol === 'tcp' || ip.startsWith(BLUE.gateway),
  );
  const seen = await ask(a.namespace, targets);
  for (const [i, answer] of seen.entries())
    assert.equal(answer, targets[i]?.[1].includes(':') ? a.ip6 : a.ip, `${targets[i]}`);
  for (const ip of ways) assert.equal((await ping(a, ip)).code, 0, `ping ${ip}`);
  assert.deepEqual(await ask(host.namespace, both(7000, a.ip, a.ip6)), twice(BLUE.gateway, BLUE.gateway6));
});

test('container → another host: ping, TCP and UDP, IPv4 and IPv6, from the host’s address', async () => {
  const { a, d } = nests;
  assert.deepEqual(await ask(a.namespace, both(7002, OTHER_IP, OTHER_IP6)), twice(HOST_IP, HOST_IP6));
  assert.deepEqual(await ask(d.namespace, both(7002, OTHER_IP)), twice(HOST_IP));
  for (const ip of [OTHER_IP, OTHER_IP6]) assert.equal((await ping(a, ip)).code, 0, `ping ${ip}`);
});

test('another host that knows the way reaches no container whose port is not published', async () => {
  const { a } = nests;
  for (const [subnet, by] of [
    ['10.208.0.0/12', HOST_IP],
    ['fd00::/8', HOST_IP6],
  ] as const)
    assert.equal((await host.outside('ip', 'route', 'add', subnet, 'via', by)).code, 0);
  assert.deepEqual(await ask(host.other, both(7000, a.ip, a.ip6), 2), twice('timeout', 'timeout'));
  // And the answers to the container’s own calls do come: its calls go out from the host’s address.
  assert.deepEqual(await ask(a.namespace, both(7002, OTHER_IP)), twice(HOST_IP));
});

test('two networks are apart: no ping, TCP or UDP, in neither direction, nor with a route', async () => {
  const { a, c, d } = nests;
  const pairs = [
    [a, c],
    [c, a],
    [a, d],
    [d, a],
  ] as const;
  await Promise.all(
    pairs.map(async ([from, to]) => {
      const ips = [to.ip, to.ip6].filter((ip) => ip !== '' && (from.ip6 !== '' || !ip.includes(':')));
      const seen = await ask(from.namespace, both(7000, ...ips), 2);
      assert.deepEqual(seen, twice(...ips.map(() => 'timeout')), `${from.name} to ${to.name}`);
      for (const ip of ips)
        assert.notEqual((await host.run(['exec', from.name, 'ping', '-c1', '-W1', ip])).code, 0);
    }),
  );
});

test('containers of a user network find each other by name, alias and short id, and their names by address', async () => {
  const { a, b, c } = nests;
  const id = (await host.ok('inspect', '-f', '{{.Id}}', b.name)).slice(0, 12);
  for (const name of [b.name, id, `${b.name}.blue`])
    assert.equal((await ping(a, name)).code, 0, `ping ${name}`);
  const text = await host.ok('exec', a.name, 'nslookup', b.name, '127.0.0.11');
  assert.ok(text.includes(b.ip) && text.includes(b.ip6), text);
  assert.ok((await host.ok('exec', a.name, 'nslookup', b.ip, '127.0.0.11')).includes(b.name));
  assert.notEqual((await host.run(['exec', a.name, 'nslookup', c.name, '127.0.0.11'])).code, 0);
  await host.ok(
    'run',
    '-d',
    '--name',
    'aliased',
    '--network',
    'blue',
    '--network-alias',
    'db',
    'busybox',
    'sleep',
    '600',
  );
  assert.equal((await ping(a, 'db')).code, 0);
  await host.ok('rm', '-f', 'aliased');
  assert.notEqual((await ping(a, 'db')).code, 0, 'a name goes with its container');
});

test('a container in two networks reaches both, and others by the first', async () => {
  const { a, c } = nests;
  const both2 = await host.nest('amid', '--network', 'blue', '--network', 'red');
  const links = await host.ok('exec', 'amid', 'ls', '/sys/class/net');
  assert.deepEqual(links.split(/\s+/).sort(), ['eth0', 'eth1', 'lo']);
  const seen = await ask(both2.namespace, both(7000, a.ip, c.ip));
  assert.deepEqual(seen.slice(0, 2), twice(both2.ip));
  assert.ok(!seen.includes('timeout') && seen[2] !== both2.ip, seen.join(' '));
  assert.deepEqual(await ask(both2.namespace, both(7002, OTHER_IP)), twice(HOST_IP));
  assert.equal((await ping(c, 'amid')).code, 0);
  await host.ok('rm', '-f', 'amid');
});

test('--network container: shares addresses, loopback and names; --network host is the host’s; none has loopback only', async () => {
  const { a } = nests;
  await host.ok(
    'run',
    '-d',
    '--name',
    'beside',
    '--network',
    `container:${a.name}`,
    'busybox',
    'sleep',
    '600',
  );
  assert.equal(await host.namespaceOf('beside').then(linkOf), await linkOf(a.namespace));
  for (const file of ['/etc/hosts', '/etc/resolv.conf'])
    assert.equal(await host.ok('exec', 'beside', 'cat', file), await host.ok('exec', a.name, 'cat', file));
  await host.ok('rm', '-f', 'beside');
  const links = async (network: string) =>
    (await host.ok('run', '--rm', '--network', network, 'busybox', 'ls', '/sys/class/net')).split(/\s+/);
  assert.ok((await links('host')).includes('wire'));
  assert.deepEqual(await links('none'), ['lo']);
  await host.ok('create', '--name', 'late', '--network', 'container:nest-a', 'busybox', 'true');
  await host.ok('stop', '-t', '0', a.name);
  assert.match(
    await host.fails(1, 'start', 'late'),
    /cannot start late: the container nest-a, .* does not run/,
  );
  await host.ok('start', a.name);
  const namespace = await host.namespaceOf(a.name);
  nests.a = { ...a, namespace };
  await echo(namespace, '::', 7000);
  await host.ok('start', '-a', 'late');
  await host.ok('rm', '-f', 'late');
});

const linkOf = async (path: string): Promise<string> => (await command('readlink', [path])).stdout.trim();

/** Sends a datagram that must not be cut: "sent", or the error's number. Arguments: address, port, bytes. */
const WHOLE = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
try:
    s.sendto(bytes(int(sys.argv[3])), (sys.argv[1], int(sys.argv[2])))
    print('sent')
except OSError as e:
    print(e.errno)
`;
const HEADERS = 28;

/** Takes a million bytes of whoever connects, then says so. Argument: address. */
const SINK = `
import socket, sys
s = socket.create_server((sys.argv[1], 7003))
print('ready', flush=True)
while True:
    c, _ = s.accept()
    left = 1000000
    while left > 0:
        left -= len(c.recv(65536))
    c.sendall(b'all')
    c.close()
`;
const SEND = `
import socket, sys
s = socket.create_connection((sys.argv[1], 7003), 30)
s.sendall(bytes(1000000))
print(s.recv(100).decode())
`;

test('-o mtu=1400: interfaces have it, larger packets are refused; a smaller one on the way is found', async () => {
  await host.network('small', { options: { mtu: '1400' } });
  const nest = await host.nest('nest-small', '--network', 'small');
  assert.equal(await host.ok('exec', 'nest-small', 'cat', '/sys/class/net/eth0/mtu'), '1400');
  const send = async (bytes: number) =>
    (await host.within('nest-small', PYTHON, '-c', WHOLE, OTHER_IP, '7002', String(bytes))).stdout.trim();
  assert.equal(await send(1400 - HEADERS), 'sent');
  assert.equal(await send(1400 - HEADERS + 1), '90', 'EMSGSIZE');
  // A narrow way behind the host: it tells the container so, and TCP gets through. The route, not the interface:
  // the other host would announce a smaller segment by itself.
  const route = ['ip', 'route', 'add', `${OTHER_IP}/32`, 'dev', 'wire', 'mtu', '1000'] as const;
  assert.equal((await host.inside(...route)).code, 0);
  const sink = new Server(host.other, PYTHON, ['-c', SINK, OTHER_IP]);
  await until('the sink is ready', () => sink.output.includes('ready'));
  const sent = await host.within('nest-small', PYTHON, '-c', SEND, OTHER_IP);
  assert.equal(sent.stdout.trim(), 'all', sent.stderr);
  await host.inside('ip', 'route', 'del', `${OTHER_IP}/32`, 'dev', 'wire', 'mtu', '1000');
  await sink.stop();
  assert.equal(nest.ip6, '');
  await host.ok('rm', '-f', 'nest-small');
});
