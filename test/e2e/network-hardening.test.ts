/** What a container in a network must not be able to do to the host, to other networks, and to other software's containers. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { command, EXECUTABLE, until } from './harness.ts';
import { ask, both, echo, HOST_IP, NetHost, OTHER_IP, PYTHON, twice } from './network-host.ts';

const host = new NetHost();
const must = async (file: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await host.inside(file, ...args);
  assert.equal(code, 0, `${file} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
};
const bridgeOf = async (network: string): Promise<string> => {
  const [one] = JSON.parse(await host.ok('network', 'inspect', network)) as Array<{
    Options: Record<string, string>;
  }>;
  return one?.Options['com.docker.network.bridge.name'] ?? '';
};

/** A router advertisement (RFC 4861, 4.2) to all nodes on an interface: a default route, and the prefix 2001:db8:bad::/64. */
const ADVERTISE = `
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
index = socket.if_nametoindex(sys.argv[1])
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
head = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0)
prefix = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 86400, 14400, 0) + socket.inet_pton(socket.AF_INET6, '2001:db8:bad::')
s.sendto(head + prefix, ('ff02::1', 0, 0, index))
`;
const advertise = (namespace: string, link: string) =>
  command('nsenter', [`--net=${namespace}`, PYTHON, '-c', ADVERTISE, link]);

test('router advertisements of a container give the host neither address nor route, be its network one with IPv6 or not', async () => {
  await host.network('plain');
  await host.network('six', { ipv6: true });
  const plain = await host.nest('plain', '--network', 'plain');
  const six = await host.nest('six', '--network', 'six');
  const bridges = [await bridgeOf('plain'), await bridgeOf('six')];
  // Forwarding is on by now, and with it Linux takes none anyway; a host need not have it on.
  await must('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=0');
  for (const nest of [plain, six])
    await until(
      'its link-local address is ready',
      async () => (await advertise(nest.namespace, 'eth0')).code === 0,
    );
  // The same one by a cable that takes them: once that has arrived, so have the others.
  await must('sysctl', '-qw', 'net.ipv6.conf.wire.accept_ra=1');
  await until('the host hears one on the wire', async () => {
    assert.equal((await advertise(host.other, 'wire')).code, 0);
    return (await must('ip', '-6', 'addr', 'show', 'dev', 'wire')).includes('2001:db8:bad:');
  });
  for (const bridge of bridges) {
    assert.ok(!(await must('ip', '-6', 'addr', 'show', 'dev', bridge)).includes('2001:db8:bad:'), bridge);
    assert.equal(await must('ip', '-6', 'route', 'show', 'default', 'dev', bridge), '', bridge);
  }
  assert.equal(
    await must('ip', '-6', 'addr', 'show', 'dev', bridges[0] ?? ''),
    '',
    'no IPv6 where the network has none',
  );
  // A bridge that another version made, or somebody changed.
  const settings = bridges.map((bridge) => `net.ipv6.conf.${bridge}.accept_ra`);
  for (const one of settings) await must('sysctl', '-qw', `${one}=1`);
  await host.ok('network', 'reload');
  for (const one of settings) assert.equal(await must('sysctl', '-n', one), '0', one);
  await must('ip', '-6', 'route', 'flush', 'proto', 'ra');
  await host.ok('rm', '-f', 'plain', 'six');
});

test('a container of an internal network does not reach ports that other networks publish, by no address it has a way to', async () => {
  const { gateway } = await host.network('inner', { internal: true });
  const open = await host.network('open');
  const [inner, other] = [
    await host.nest('inner', '--network', 'inner'),
    await host.nest('other', '--network', 'open'),
  ];
  await host.nest('web', '-p', '8301:7000', '-p', '8301:7000/udp');
  assert.deepEqual(
    await ask(other.namespace, both(8301, open.gateway), 5),
    twice(other.ip),
    'one that is not',
  );
  assert.deepEqual(await ask(inner.namespace, both(8301, gateway), 2), twice('timeout'));
  // Somebody in it may add a route.
  assert.equal((await host.within('inner', 'ip', 'route', 'add', 'default', 'via', gateway)).code, 0);
  assert.deepEqual(await ask(inner.namespace, both(8301, HOST_IP), 2), twice('timeout'));
  const neighbour = await host.nest('neighbour', '--network', 'inner');
  assert.deepEqual(
    await ask(inner.namespace, both(7000, neighbour.ip), 5),
    twice(inner.ip),
    'in its own network',
  );
  await host.ok('rm', '-f', 'inner', 'other', 'web', 'neighbour');
});

test('where FORWARD drops, ports that other software’s containers do not publish stay closed to ours', async () => {
  const theirs = `${host.name}t`;
  await must('ip', 'netns', 'add', theirs);
  after(() => command('ip', ['netns', 'del', theirs]));
  await must('ip', 'link', 'add', 'br-theirs', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', theirs);
  await must('ip', 'addr', 'add', '172.30.7.1/24', 'dev', 'br-theirs');
  await must('ip', 'link', 'set', 'br-theirs', 'up');
  for (const words of [
    'addr add 172.30.7.2/24 dev eth0',
    'link set eth0 up',
    'route add default via 172.30.7.1',
  ])
    assert.equal((await command('ip', ['-n', theirs, ...words.split(' ')])).code, 0, words);
  // As Docker does it: a policy, and a rule for each published port.
  await must('iptables', '-P', 'FORWARD', 'DROP');
  await must('iptables', '-A', 'FORWARD', '-o', 'br-theirs', '-p', 'tcp', '--dport', '7004', '-j', 'ACCEPT');
  const nest = await host.nest('ours');
  await echo(`/run/netns/${theirs}`, '172.30.7.2', 7003, '172.30.7.2', 7004);
  assert.deepEqual(
    await ask(nest.namespace, [['tcp', '172.30.7.2', 7004]], 5),
    ['172.30.7.1'],
    'a published one',
  );
  assert.deepEqual(await ask(nest.namespace, both(7003, '172.30.7.2'), 2), twice('timeout'));
  const server = await echo(host.other, OTHER_IP, 7002);
  assert.deepEqual(await ask(nest.namespace, both(7002, OTHER_IP), 5), twice(HOST_IP), 'the way out');
  await server.stop();
  // As iptables reads it.
  const chain = `mydocker-${await bridgeOf('bridge')}`;
  assert.match(await must('iptables', '-S', chain), /-o br-\+ -j RETURN\n/);
  await host.ok('rm', '-f', 'ours');
  await must('iptables', '-F');
  await must('iptables', '-P', 'FORWARD', 'ACCEPT');
});

test('a network whose name has capitals is found by it', async () => {
  await host.network('MyNet');
  await host.nest('web', '--network', 'MyNet');
  await host.nest('caller', '--network', 'MyNet');
  for (const name of ['web', 'web.MyNet', 'WEB.mynet']) {
    const { code, stderr } = await host.run(['exec', 'caller', 'ping', '-c1', '-W5', name]);
    assert.equal(code, 0, `${name}: ${stderr}`);
  }
  assert.notEqual((await host.run(['exec', 'caller', 'ping', '-c1', '-W5', 'web.YourNet'])).code, 0);
  await host.ok('rm', '-f', 'web', 'caller');
});

test('an address with a leading zero is refused in one line, wherever it is given', async () => {
  for (const words of [
    ['explain', 'run', '--network', 'MyNet', '--ip', '010.208.0.5', 'busybox', 'true'],
    ['run', '--rm', '--network', 'name=MyNet,ip=010.208.0.5', 'busybox', 'true'],
    ['run', '--rm', '--add-host', 'a:010.0.0.5', 'busybox', 'true'],
    ['run', '--rm', '--dns', '010.0.0.5', 'busybox', 'true'],
    ['run', '--rm', '-p', '010.0.0.5:80:80', 'busybox', 'true'],
  ]) {
    const said = await host.fails(125, ...words);
    assert.match(said, /010\.\d+\.0\.5/, words.join(' '));
    assert.ok(!said.includes('TypeError') && !said.includes('    at '), said);
  }
});

test('on a host whose routes use all of 10.0.0.0/8, or whose VPN takes everything, networks find a subnet', async () => {
  // By the program: it looks at the routes of its own network namespace.
  const subnetOf = async (name: string): Promise<string> => {
    await host.ok('network', 'create', name);
    const [one] = JSON.parse(await host.ok('network', 'inspect', name)) as Array<{
      IPAM: { Config: Array<{ Subnet: string }> };
    }>;
    return one?.IPAM.Config[0]?.Subnet ?? '';
  };
  const routes = async (verb: 'add' | 'del', ...list: string[]): Promise<void> => {
    for (const one of list) await must('ip', 'route', verb, ...one.split(' '));
  };
  const halves = ['0.0.0.0/1', '128.0.0.0/1'].map((half) => `${half} via ${OTHER_IP}`);
  await routes('add', ...halves);
  assert.match(await subnetOf('halves'), /^10\.2\d\d\./, 'a default route in two pieces');
  await routes('del', ...halves);
  await routes('add', '10.0.0.0/8 dev wire');
  assert.match(await subnetOf('onlink'), /^172\.(1[6-9]|2\d|3[01])\./);
  assert.match(
    await host.fails(125, 'network', 'create', '--subnet', '10.99.0.0/24', 'given'),
    /overlaps the host’s route 10\.0\.0\.0\/8/,
  );
  await routes('del', '10.0.0.0/8 dev wire');
  const all = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map((range) => `${range} via ${OTHER_IP}`);
  await routes('add', ...all);
  assert.match(await subnetOf('within'), /^10\.2\d\d\./, 'more specific than a route by a gateway');
  await host.ok('network', 'create', '--subnet', '10.99.0.0/24', 'given');
  const server = await echo(host.other, OTHER_IP, 7002);
  const nest = await host.nest('inside', '--network', 'within');
  assert.deepEqual(await ask(nest.namespace, both(7002, OTHER_IP), 5), twice(HOST_IP));
  await server.stop();
  await routes('add', `10.98.0.128/25 via ${OTHER_IP}`);
  assert.match(
    await host.fails(125, 'network', 'create', '--subnet', '10.98.0.0/24', 'cut'),
    /overlaps the host’s route 10\.98\.0\.128\/25/,
  );
  await routes('del', ...all, `10.98.0.128/25 via ${OTHER_IP}`);
  await host.ok('rm', '-f', 'inside');
});

test('forwarding that we switched on does not make the host a router between its own interfaces', async () => {
  const router = new NetHost();
  const lan = `${router.name}l`;
  const ip = async (words: string, namespace = router.name): Promise<void> =>
    assert.equal((await command('ip', ['-n', namespace, ...words.split(' ')])).code, 0, words);
  await router.inside('ip', 'netns', 'add', lan);
  after(() => command('ip', ['netns', 'del', lan]));
  await ip(`link add lan type veth peer name eth0 netns ${lan}`);
  await ip('addr add 192.0.2.1/24 dev lan');
  await ip('link set lan up');
  await ip('addr add 192.0.2.10/24 dev eth0', lan);
  await ip('link set eth0 up', lan);
  await ip('route add default via 192.0.2.1', lan);
  await ip(`route add 192.0.2.0/24 via ${HOST_IP}`, `${router.name}o`);
  await echo(router.other, OTHER_IP, 7002);
  await echo(`/run/netns/${lan}`, '192.0.2.10', 7003);
  const across = () => ask(`/run/netns/${lan}`, both(7002, OTHER_IP), 2);
  const nest = await router.nest('routed', '-p', '8401:7000', '-p', '8401:7000/udp');
  assert.deepEqual(await across(), twice('timeout'));
  assert.deepEqual(await ask(router.other, both(7003, '192.0.2.10'), 2), twice('timeout'));
  const ways = await ask(nest.namespace, [...both(7002, OTHER_IP), ...both(7003, '192.0.2.10')], 5);
  assert.deepEqual(ways, twice(HOST_IP, '192.0.2.1'), 'containers go out by both');
  assert.deepEqual(
    await ask(`/run/netns/${lan}`, both(8401, '192.0.2.1'), 5),
    twice('192.0.2.10'),
    'and are reached',
  );
  const info = JSON.parse(await router.ok('info', '--format', 'json')) as { Ipv4Forwarding: string };
  assert.match(info.Ipv4Forwarding, /^on \(switched on by mydocker; none between (lan, wire|wire, lan)\)$/);
  // Without our table it is one; network reload closes it again.
  await router.inside('nft', 'flush', 'ruleset');
  assert.deepEqual(await across(), twice('192.0.2.10'));
  await router.ok('network', 'reload');
  assert.deepEqual(await across(), twice('timeout'));
});

test('network reload puts nothing into a table of our name that we did not make', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const all = await must('nft', 'list', 'ruleset');
  const table = /table inet (mydocker\w*)/.exec(all)?.[1] ?? '';
  const whole = await must('nft', 'list', 'table', 'inet', table);
  // The same sets and chains, without our mark and rules.
  await must('nft', 'delete', 'table', 'inet', table);
  await must('nft', whole);
  await must('nft', 'flush', 'chain', 'inet', table, 'forward');
  const before = await must('nft', 'list', 'table', 'inet', table);
  assert.match(
    await host.fails(125, 'network', 'reload'),
    /an nftables table of that name that mydocker did not make/,
  );
  assert.equal(await must('nft', 'list', 'table', 'inet', table), before);
  await must('nft', 'delete', 'table', 'inet', table);
  await host.ok('network', 'reload');
});

/** network reload in the host's namespace; the container ends between its being seen to run and the sending. */
const RELOAD = `
const [, root, build, file, ...args] = process.argv;
const { execFileSync } = await import('node:child_process');
const { Core } = await import(build + '/src/engine/core.js');
const { restoreRules } = await import(build + '/src/engine/reload.js');
const { runActions } = await import(build + '/src/shim/index.js');
await restoreRules(new Core({ root }), true, async (...rest) => {
  execFileSync(file, args, { stdio: 'ignore' });
  await runActions(...rest);
});
`;

test('a container that ends while network reload publishes its ports anew leaves none of them', async () => {
  await host.ok('run', '-d', '--name', 'ending', '-p', '8501:80', 'busybox', 'sleep', '3600');
  const build = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
  const args = ['--input-type=module', '-e', RELOAD, host.root, build, EXECUTABLE, 'rm', '-f', 'ending'];
  const env = { MYDOCKER_ROOT: host.root };
  const done = await command('nsenter', [`--net=${host.namespace}`, process.execPath, ...args], { env });
  assert.equal(done.code, 0, done.stderr);
  assert.ok(!(await must('nft', 'list', 'ruleset')).includes('8501'));
  await host.ok('run', '--rm', '-p', '8501:80', 'busybox', 'true');
  // One whose port another has by now keeps out of its way.
  await host.ok('run', '-d', '--name', 'ending', '-p', '8501:80', 'busybox', 'sleep', '3600');
  const script = '"$1" rm -f ending; exec "$1" run -d --name heir -p 8501:80 busybox sleep 3600';
  const again = [...args.slice(0, 5), 'sh', '-c', script, 'sh', EXECUTABLE];
  const second = await command('nsenter', [`--net=${host.namespace}`, process.execPath, ...again], {
    env: { ...env, MYDOCKER_DEFAULT_NETWORK: 'bridge' },
  });
  assert.equal(second.code, 0, second.stderr);
  assert.ok((await must('nft', 'list', 'ruleset')).includes('8501'));
  await host.ok('rm', '-f', 'heir');
});
