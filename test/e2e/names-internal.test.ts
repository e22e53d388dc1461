/** Internal networks have no way out, for names neither. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { NamedHost, Namespace } from './name-bed.ts';

const net = new Namespace();
const host = new NamedHost(net);
const UPSTREAM = '127.0.53.1';

before(async () => {
  await net.dnsmasq(UPSTREAM, '--address=/outside.test/192.0.2.7');
  await host.ok('network', 'create', '--internal', '-subnet', '172.30.8.0/24', 'inner');
  await host.ok('network', 'create', '-subnet', '172.30.9.0/24', 'outer');
});

test('a container of internal networks only: its own names, and no question leaves the host', async () => {
  const bird = await host.container('bird', '--network', 'inner', '--dns', UPSTREAM);
  await host.container('nest', '--network', 'inner');
  assert.equal(await host.dig(bird, '+short', 'nest'), '172.30.8.3');
  assert.match(await host.dig(bird, 'outside.test'), /status: NXDOMAIN/);
  assert.match(await host.dig(bird, '+tcp', 'outside.test'), /status: NXDOMAIN/);
  assert.match(await host.dig(bird, '-x', '192.0.2.7'), /status: NXDOMAIN/);
});

test('it asks outside while it is in a network that leads there', async () => {
  const lark = await host.container('lark', '--network', 'inner', '--dns', UPSTREAM);
  await host.ok('network', 'connect', 'outer', 'lark');
  assert.equal(await host.dig(lark, '+short', 'outside.test'), '192.0.2.7');
  await host.ok('network', 'disconnect', 'outer', 'lark');
  assert.match(await host.dig(lark, 'outside.test'), /status: NXDOMAIN/);
});

test('a container of an internal and of another network asks outside', async () => {
  const both = await host.container(
    'both',
    ...['--network', 'inner', '--network', 'outer', '--dns', UPSTREAM],
  );
  assert.equal(await host.dig(both, '+short', 'outside.test'), '192.0.2.7');
});
