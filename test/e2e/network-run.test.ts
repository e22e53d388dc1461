/** `run` in several networks, with fixed addresses and names of its own; what `inspect`, `ps` and the library say of it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { command, until } from './harness.ts';
import { NetHost, OTHER_IP } from './network-host.ts';

const host = new NetHost();
const IDLE = ['busybox', 'sleep', '600'];
const works = async (container: string, ...line: string[]) =>
  (await host.run(['exec', container, 'timeout', '4', ...line])).code === 0;
/** Positive answers may take longer than a ping waits. */
const pings = (container: string, ...line: string[]) =>
  until(`${container} pings: ${line.join(' ')}`, () => works(container, 'ping', '-c1', ...line));

test('run --network A --network B with --ip, --ip6, --mac-address, --network-alias, --add-host: inside and for others', async () => {
  await host.ok('network', 'create', '--subnet', '10.60.0.0/24', '--subnet', 'fd00:60::/64', 'front');
  await host.ok('network', 'create', '--subnet', '10.61.0.0/24', 'back');
  await host.ok('run', '-d', '--name', 'peer', '--network', 'back', ...IDLE);
  const id = await host.ok(
    ...['run', '-d', '--name', 'web', '--network', 'front', '--network', 'name=back,alias=db,ip=10.61.0.50'],
    ...['--ip', '10.60.0.40', '--ip6', 'fd00:60::40', '--mac-address', '02:aa:bb:cc:dd:ee'],
    ...['--network-alias', 'shop', '--add-host', 'old:192.0.2.7', '--add-host', 'me:host-gateway'],
    ...['-p', '127.0.0.1:8200:80', '-p', '8201:81/udp', ...IDLE],
  );
  const inside = await host.ok('exec', 'web', 'ip', 'addr');
  for (const part of [
    'inet 10.60.0.40/24',
    'inet6 fd00:60::40/64',
    'inet 10.61.0.50/24',
    '02:aa:bb:cc:dd:ee',
  ])
    assert.ok(inside.includes(part), part);
  assert.match(await host.ok('exec', 'web', 'ip', 'route'), /default via 10\.60\.0\.1 dev eth0/);
  assert.match(await host.ok('exec', 'web', 'cat', '/etc/hosts'), /192\.0\.2\.7\told\n10\.60\.0\.1\tme\n/);
  for (const name of ['web', 'db', id.slice(0, 12)]) await pings('peer', '-W2', name);
  assert.equal(await works('peer', 'nslookup', 'shop'), false, 'shop is its name in front only');
  await host.ok('run', '-d', '--name', 'other', '--network', 'front', ...IDLE);
  await pings('other', '-W2', 'shop');
  await pings('other', '-6', '-W2', 'web');
  assert.equal(await works('other', 'nslookup', 'db'), false);
  assert.equal(
    await host.ok('ps', '--format', '{{.IP}} {{.Ports}}', '--filter', 'name=web'),
    '10.60.0.40 127.0.0.1:8200->80/tcp, 0.0.0.0:8201->81/udp',
  );
  assert.equal(await host.ok('port', 'web', '81/udp'), '0.0.0.0:8201');
  assert.equal(await host.ok('port', 'web'), '80/tcp -> 127.0.0.1:8200\n81/udp -> 0.0.0.0:8201');
  const [details] = JSON.parse(await host.ok('inspect', 'web'));
  const { Networks, Ports, IPAddress, Gateway, MacAddress } = details.NetworkSettings;
  assert.deepEqual(Ports, {
    '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8200' }],
    '81/udp': [{ HostIp: '0.0.0.0', HostPort: '8201' }],
  });
  assert.deepEqual([IPAddress, Gateway, MacAddress], ['10.60.0.40', '10.60.0.1', '02:aa:bb:cc:dd:ee']);
  const { front, back } = Networks;
  assert.deepEqual(
    [front.IPAddress, front.IPPrefixLen, front.GlobalIPv6Address, front.GlobalIPv6PrefixLen, front.Aliases],
    ['10.60.0.40', 24, 'fd00:60::40', 64, ['shop']],
  );
  assert.deepEqual([back.IPAddress, back.Gateway, back.Aliases], ['10.61.0.50', '10.61.0.1', ['db']]);
  const ask = (template: string) => host.ok('inspect', '-f', template, 'web');
  assert.equal(
    await ask('{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}'),
    '10.61.0.50 10.60.0.40',
  );
  assert.equal(await ask('{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}'), '8200');
  assert.equal(back.NetworkID, await host.ok('network', 'inspect', '-f', '{{.Id}}', 'back'));
  await host.ok('rm', '-f', 'web', 'peer', 'other');
  await host.ok('network', 'rm', 'front', 'back');
});

test('--internal: no way out and none in, but each other; with a second network there is a way out by that', async () => {
  await host.ok('network', 'create', '--internal', 'inner');
  await host.ok('network', 'create', 'outer');
  await host.ok('run', '-d', '--name', 'one', '--network', 'inner', ...IDLE);
  await host.ok('run', '-d', '--name', 'two', '--network', 'inner', ...IDLE);
  await pings('one', '-W2', 'two');
  assert.equal(await works('one', 'ping', '-c1', '-W1', OTHER_IP), false);
  // Also by a route that a privileged program inside would set.
  const gateway = await host.ok('network', 'inspect', '-f', '{{json .IPAM.Config}}', 'inner');
  const via = /"Gateway":"([\d.]+)"/.exec(gateway)?.[1] ?? '';
  await host.within('one', 'ip', 'route', 'add', 'default', 'via', via);
  assert.equal(await works('one', 'ping', '-c1', '-W1', OTHER_IP), false);
  await host.ok('network', 'connect', 'outer', 'two');
  await pings('two', '-W3', OTHER_IP);
  await host.ok('rm', '-f', 'one', 'two');
  await host.ok('network', 'rm', 'inner', 'outer');
});

test('the library: networks and ports, each call and its errors', async () => {
  const file = `${host.root}/script.mjs`;
  writeFileSync(
    file,
    `import { Engine, MydockerError } from '${process.cwd()}/dist/lib/engine/index.js';
import assert from 'node:assert/strict';
const engine = new Engine({ root: '${host.root}', addressPool: '10.62.0.0/16' });
const networks = await engine.networks();
const code = (promise) => promise.then(() => 'none', (error) => error instanceof MydockerError ? error.code : String(error));
const made = await networks.create({ name: 'lib', labels: { a: 'b' }, internal: false });
assert.deepEqual(made.subnets, [{ subnet: '10.62.0.0/24', gateway: '10.62.0.1' }]);
assert.equal(await code(networks.create({ name: 'lib' })), 'NETWORK_EXISTS');
assert.equal(await code(networks.create({ name: 'lib2', subnets: ['10.62.0.0/25'] })), 'SUBNET_IN_USE');
assert.equal(await code(networks.inspect('nosuch')), 'NO_SUCH_NETWORK');
assert.deepEqual((await networks.list({ filters: ['label=a'] })).map(({ name }) => name), ['lib']);
const bird = await engine.containers.create({ image: 'busybox', command: ['sleep', '600'], name: 'bird', network: 'none' });
const fish = await engine.containers.create({ image: 'busybox', command: ['sleep', '600'], name: 'fish',
  networks: [{ name: 'lib', ip: '10.62.0.9', aliases: ['swimmer'] }] });
await fish.start();
assert.equal(await code(networks.connect('lib', 'bird')), 'BAD_INPUT');
assert.equal(await code(networks.connect('lib', 'fish')), 'CONNECTED');
assert.equal(await code(networks.remove('lib')), 'NETWORK_IN_USE');
const { members } = await networks.inspect('lib');
assert.deepEqual(members.map(({ name, ip, isRunning }) => [name, ip, isRunning]), [['fish', '10.62.0.9', true]]);
await networks.create({ name: 'more' });
await networks.connect('more', 'fish', { ip: '10.62.1.7' });
const publish = { protocol: 'tcp', hostIp: '', hostPort: 8300, containerPort: 80, count: 1 };
await engine.containers.updatePorts('fish', { add: [publish] });
const details = await engine.containers.inspect('fish');
assert.deepEqual(details.endpoints.map(({ network, ip }) => [network, ip]), [['lib', '10.62.0.9'], ['more', '10.62.1.7']]);
assert.deepEqual(details.published, [{ protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8300, containerPort: 80 }]);
assert.equal(await code(engine.containers.updatePorts('fish', { remove: [{ ...publish, hostPort: 8301 }] })), 'NOT_PUBLISHED');
await engine.containers.updatePorts('fish', { remove: [publish] });
await networks.disconnect('more', 'fish');
assert.equal(await code(networks.disconnect('more', 'fish')), 'NOT_CONNECTED');
await networks.disconnect('more', 'fish', { force: true });
await fish.remove({ force: true });
await bird.remove();
assert.deepEqual(await networks.prune(), ['lib', 'more']);
console.log('all well');
`,
  );
  const line = [`--net=${host.namespace}`, process.execPath, file];
  const { stdout, stderr } = await command('nsenter', line);
  assert.equal(stdout, 'all well\n', stderr);
});
