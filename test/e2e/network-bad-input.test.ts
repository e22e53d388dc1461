/** What the verbs of networks refuse: one plain sentence, an exit code, and everything stays as it was. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { NetHost } from './network-host.ts';
import { stateOf } from './state.ts';

const host = new NetHost();

const REFUSED: ReadonlyArray<readonly [what: string, code: number, words: string[], RegExp]> = [
  [
    'overlaps a network',
    125,
    ['create', '--subnet', '10.99.0.128/25', 'x'],
    /overlaps the network there \(10\.99\.0\.0\/24\)/,
  ],
  [
    'overlaps a host route',
    125,
    ['create', '--subnet', '198.51.100.0/25', 'x'],
    /overlaps the host’s route 198\.51\.100\.0\/24 by wire/,
  ],
  [
    'overlaps an IPv6 route',
    125,
    ['create', '--subnet', '2001:db8::/80', 'x'],
    /overlaps the host’s route 2001:db8::\/64 by wire/,
  ],
  ['no CIDR', 125, ['create', '--subnet', '10.1.2', 'x'], /"10\.1\.2" is no subnet/],
  ['host bits', 125, ['create', '--subnet', '10.1.2.3/24', 'x'], /it would begin at 10\.1\.2\.0\/24/],
  ['prefix too long', 125, ['create', '--subnet', '10.1.2.0/33', 'x'], /is no subnet/],
  ['too small', 125, ['create', '--subnet', '10.1.2.0/31', 'x'], /too small/],
  ['all addresses', 125, ['create', '--subnet', '0.0.0.0/0', 'x'], /which is not for hosts/],
  ['loopback', 125, ['create', '--subnet', '127.5.0.0/16', 'x'], /127\.0\.0\.0\/8, which is not for hosts/],
  [
    'two IPv4 subnets',
    125,
    ['create', '--subnet', '10.1.2.0/24', '--subnet', '10.1.3.0/24', 'x'],
    /one IPv4 and one IPv6/,
  ],
  [
    'gateway outside',
    125,
    ['create', '--subnet', '10.1.2.0/24', '--gateway', '10.1.3.1', 'x'],
    /the gateway 10\.1\.3\.1 is not in 10\.1\.2\.0\/24/,
  ],
  [
    'gateway is broadcast',
    125,
    ['create', '--subnet', '10.1.2.0/24', '--gateway', '10.1.2.255', 'x'],
    /the gateway 10\.1\.2\.255 is not/,
  ],
  [
    'gateway no address',
    125,
    ['create', '--subnet', '10.1.2.0/24', '--gateway', 'me', 'x'],
    /"me" is no address/,
  ],
  [
    'range outside',
    125,
    ['create', '--subnet', '10.1.2.0/24', '--ip-range', '10.1.3.0/25', 'x'],
    /not in the subnet 10\.1\.2\.0\/24/,
  ],
  [
    'range larger',
    125,
    ['create', '--subnet', '10.1.2.0/24', '--ip-range', '10.1.0.0/16', 'x'],
    /not in the subnet/,
  ],
  [
    'range no CIDR',
    125,
    ['create', '--subnet', '10.1.2.0/24', '--ip-range', 'all', 'x'],
    /the range "all" is none/,
  ],
  ['unknown driver', 125, ['create', '-d', 'overlay', 'x'], /unknown network driver "overlay"/],
  [
    'unknown option',
    125,
    ['create', '-o', 'com.docker.network.bridge.host_binding_ipv4=::1', 'x'],
    /unknown network option "com\.docker/,
  ],
  ['option without value', 125, ['create', '-o', 'mtu', 'x'], /not of the form KEY=VALUE/],
  ['MTU', 125, ['create', '-o', 'mtu=12', 'x'], /the MTU "12" is none/],
  ['name', 125, ['create', 'a b'], /invalid network name "a b"/],
  ['name with a slash', 125, ['create', '../x'], /invalid network name/],
  ['long name', 125, ['create', 'x'.repeat(65)], /invalid network name/],
  ['bridge', 125, ['create', 'bridge'], /predefined/],
  ['host', 125, ['create', 'host'], /meaning of its own/],
  ['none', 125, ['create', 'none'], /meaning of its own/],
  ['name used', 125, ['create', 'there'], /there is a network named "there" already/],
  ['no name', 125, ['create'], /needs 1 argument/],
  ['rm bridge', 1, ['rm', 'bridge'], /cannot remove the network bridge: it is predefined/],
  ['rm host', 1, ['rm', 'host'], /predefined/],
  ['rm none', 1, ['rm', 'none'], /predefined/],
  ['rm unknown', 1, ['rm', 'nosuch'], /no such network: nosuch/],
  ['rm in use', 1, ['rm', 'there'], /cannot remove the network there: in it are aa, bb \(created\)/],
  ['inspect unknown', 1, ['inspect', 'nosuch', '-f', '{{.Name}}'], /no such network: nosuch/],
  ['group alone', 125, [], /needs a command/],
  ['unknown verb', 125, ['paint'], /unknown command "network paint"/],
];

test('what is refused: one sentence, the documented exit code, nothing changed', async () => {
  await host.ok('network', 'create', '--subnet', '10.99.0.0/24', 'there');
  await host.ok('run', '-d', '--name', 'aa', '--network', 'there', 'busybox', 'sleep', '600');
  await host.ok('create', '--name', 'bb', '--network', 'there', 'busybox', 'true');
  const before = stateOf(host.root);
  const traces = await host.traces();
  for (const [what, code, words, expected] of REFUSED) {
    assert.match(await host.fails(code, 'network', ...words), expected, what);
    assert.deepEqual(stateOf(host.root), before, what);
  }
  assert.deepEqual(await host.traces(), traces);
  // Of several the others go.
  await host.ok('network', 'create', 'gone');
  const some = await host.run(['network', 'rm', 'nosuch', 'gone']);
  assert.equal(some.code, 1);
  assert.equal(some.stdout, 'gone\n');
  assert.equal(await host.ok('network', 'rm', '-f', 'nosuch'), '');
  await host.ok('rm', '-f', 'aa', 'bb');
  await host.ok('network', 'rm', 'there');
});

test('no free address: one sentence, and the container was never made', async () => {
  await host.ok('network', 'create', '--subnet', '10.98.0.0/30', 'tiny');
  await host.ok('create', '--name', 'first', '--network', 'tiny', 'busybox', 'true');
  const error = await host.fails(125, 'run', '--network', 'tiny', 'busybox', 'true');
  assert.match(error, /the network tiny has no free address left in 10\.98\.0\.0\/30/);
  assert.equal(await host.ok('ps', '--format', '{{.Names}}'), 'first');
  await host.ok('rm', 'first');
  await host.ok('run', '--rm', '--network', 'tiny', 'busybox', 'true');
  await host.ok('network', 'rm', 'tiny');
});

test('a damaged record: the network is not used, and can be removed', async () => {
  await host.ok('network', 'create', 'hurt');
  writeFileSync(`${host.root}/networks/hurt/network.json`, '{');
  assert.match(await host.fails(125, 'run', '--network', 'hurt', 'busybox', 'true'), /no such network: hurt/);
  assert.match(await host.fails(1, 'network', 'inspect', '-f', 'json', 'hurt'), /its record is damaged/);
  assert.match(await host.fails(125, 'network', 'create', 'hurt'), /there is a network named "hurt" already/);
  await host.ok('network', 'rm', 'hurt');
  await host.ok('network', 'create', 'hurt');
  await host.ok('network', 'rm', 'hurt');
});
