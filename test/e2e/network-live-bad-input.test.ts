/** What connect, disconnect, `update --publish-add` and their like refuse: a sentence, an exit code, nothing changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echo } from './echo.ts';
import { NetHost } from './network-host.ts';
import { stateOf } from './state.ts';

const host = new NetHost();

const OF_CONTAINERS: ReadonlyArray<readonly [what: string, code: number, words: string, RegExp]> = [
  ['twice', 1, 'network connect one run', /cannot connect run to one: it is in that network already/],
  ['by id, twice', 1, 'network connect ID run', /it is in that network already/],
  ['unknown network', 1, 'network connect nosuch run', /no such network: nosuch/],
  ['unknown container', 1, 'network connect two nosuch', /no such container: nosuch/],
  ['host', 1, 'network connect host run', /cannot connect to the network host: it is no network of its own/],
  ['none', 1, 'network connect none run', /it is no network of its own/],
  [
    'without a network',
    1,
    'network connect two alone',
    /cannot connect alone to two: it was made with --network none/,
  ],
  ['of another', 1, 'network connect two sharer', /it has the network of another container/],
  [
    'address outside',
    125,
    'network connect --ip 10.1.1.1 two run',
    /the address 10\.1\.1\.1 is not in the network two \(10\.97\.2\.0\/24\)/,
  ],
  [
    'gateway',
    125,
    'network connect --ip 10.97.2.1 two run',
    /10\.97\.2\.1 is the gateway of the network two/,
  ],
  ['broadcast', 125, 'network connect --ip 10.97.2.255 two run', /neither its first, nor its last/],
  [
    'address taken',
    125,
    'network connect --ip 10.97.2.9 two run',
    /the address 10\.97\.2\.9 of the network two is taken/,
  ],
  ['no address', 125, 'network connect --ip me two run', /--ip "me" is no IPv4 address/],
  [
    'IPv6 in an IPv4 network',
    125,
    'network connect --ip6 fd00::5 two run',
    /fd00::5 is not in the network two/,
  ],
  ['alias', 125, 'network connect --alias a/b two run', /--alias "a\/b" is no name/],
  [
    '--ip in the default network',
    125,
    'network connect --ip 10.208.0.9 bridge run',
    /--ip has no use in the default network, bridge/,
  ],
  [
    'alias in the default network',
    125,
    'network connect --alias shop bridge run',
    /--network-alias has no use in the default network/,
  ],
  ['full', 125, 'network connect tiny run', /the network tiny has no free address left/],
  ['one argument', 125, 'network connect two', /needs 2 arguments/],
  ['not in it', 1, 'network disconnect two run', /cannot disconnect run from two: it is not in that network/],
  ['not in bridge', 1, 'network disconnect bridge run', /it is not in that network/],
  [
    'a stopped one, not in it',
    1,
    'network disconnect one off',
    /cannot disconnect off from one: it is not in that network/,
  ],
  ['a stopped one, address taken', 125, 'network connect --ip 10.97.2.9 two never', /is taken/],
  [
    'run --ip outside',
    125,
    'run --network two --ip 10.1.1.1 busybox true',
    /10\.1\.1\.1 is not in the network two/,
  ],
  ['run --ip taken', 125, 'run --network two --ip 10.97.2.9 busybox true', /is taken/],
  ['run --ip alone', 125, 'run --ip 10.208.0.9 busybox true', /--ip has no use in the default network/],
  ['run --network-alias alone', 125, 'run --network-alias shop busybox true', /--network-alias has no use/],
  [
    'run, a network twice',
    125,
    'run --network two --network two busybox true',
    /the network two is given twice/,
  ],
  ['run, unknown network', 125, 'run --network one --network nosuch busybox true', /no such network: nosuch/],
  ['run, none and another', 125, 'run --network none --network one busybox true', /cannot be combined/],
  [
    'run --mac-address',
    125,
    'run --network one --mac-address 01:00:5e:00:00:01 busybox true',
    /the address of a group/,
  ],
  ['run --add-host', 125, 'run --add-host db busybox true', /no name and address/],
  ['port of nothing', 1, 'port nosuch', /no such container/],
  ['port not published', 1, 'port run 99', /the port 99\/tcp of run is not published/],
  ['no port', 125, 'port run http', /"http" is no port/],
  [
    'publish a port of a container',
    125,
    'update --publish-add 8101:80 run',
    /the port 8101\/tcp of the host is taken by the container web/,
  ],
  [
    'publish a port of a program',
    125,
    'update --publish-add 8102:80 run',
    /the port 8102\/tcp of the host is taken by the process python3/,
  ],
  [
    'one of two is taken',
    125,
    'update --publish-add 8104:80 --publish-add 8102:81 run',
    /8102\/tcp of the host is taken/,
  ],
  ['publish twice', 125, 'update --publish-add 8103:90 run', /gives the port 8103\/tcp of the host twice/],
  [
    'another address',
    125,
    'update --publish-add 203.0.113.9:8105:80 run',
    /203\.0\.113\.9:8105\/tcp: this host has no such address/,
  ],
  [
    'no such port',
    1,
    'update --publish-rm 8199:80 run',
    /cannot take 8199:80\/tcp from run: it publishes 8103:80\/tcp/,
  ],
  ['a part of nothing', 1, 'update --publish-rm 80 off', /it publishes nothing/],
  ['bad port', 125, 'update --publish-add 70000:80 run', /a port is a number from 1 to 65535/],
  ['bad range', 125, 'update --publish-add 8110-8112:80-81 run', /the ranges differ in size/],
  ['without a network', 1, 'update --publish-add 8106:80 alone', /it was made with --network none/],
  ['nothing to change', 125, 'network update run', /needs something to change/],
  [
    'internal only',
    125,
    'update --publish-add 8107:80 inner',
    /-p has no effect: the network closed is internal/,
  ],
];

test('connect, disconnect, update --publish-add …: what is refused, with a running and a stopped container', async () => {
  const id = await host.ok('network', 'create', '--subnet', '10.97.1.0/24', 'one');
  await host.ok('network', 'create', '--subnet', '10.97.2.0/24', 'two');
  await host.ok('network', 'create', '--subnet', '10.97.3.0/30', 'tiny');
  await host.ok('network', 'create', '--internal', 'closed');
  const idle = ['busybox', 'sleep', '600'];
  await host.ok('run', '-d', '--name', 'run', '--network', 'one', '-p', '8103:80', ...idle);
  await host.ok('run', '-d', '--name', 'web', '-p', '8101:80', ...idle);
  await host.ok('run', '-d', '--name', 'alone', '--network', 'none', ...idle);
  await host.ok('run', '-d', '--name', 'sharer', '--network', 'container:run', ...idle);
  await host.ok('run', '-d', '--name', 'inner', '--network', 'closed', ...idle);
  await host.ok('create', '--name', 'off', '--network', 'two', '--ip', '10.97.2.9', ...idle);
  await host.ok('create', '--name', 'never', '--network', 'one', ...idle);
  await host.ok('create', '--name', 'filler', '--network', 'tiny', ...idle);
  const program = await echo(host.namespace, '0.0.0.0', 8102);
  // The sweep of a run has nothing left to do.
  await host.ok('ps');
  const before = stateOf(host.root);
  const traces = await host.traces();
  for (const [what, code, words, expected] of OF_CONTAINERS) {
    const line = words.split(' ').map((word) => (word === 'ID' ? id.slice(0, 12) : word));
    assert.match(await host.fails(code, ...line), expected, what);
    assert.deepEqual(stateOf(host.root), before, what);
  }
  assert.deepEqual(await host.traces(), traces);
  assert.equal(await host.ok('network', 'disconnect', '-f', 'two', 'run'), '');
  await program.stop();
  await host.ok('rm', '-f', 'sharer', 'run', 'web', 'alone', 'inner', 'off', 'never', 'filler');
  await host.ok('network', 'rm', 'one', 'two', 'tiny', 'closed');
});
