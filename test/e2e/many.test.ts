/** Three hundred containers on one network, started by eight processes at once: names, addresses and MACs all distinct. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { until } from './harness.ts';
import { ask, echo, NetHost } from './network-host.ts';
import { inLanes } from './runtime-user.ts';

const COUNT = 300;
const PROCESSES = 8;
const host = new NetHost();

test('300 containers on one network, from 8 processes at once', async () => {
  await host.network('crowd', { subnets: ['10.99.0.0/22'] });
  const ids: string[] = [];
  await inLanes(COUNT, PROCESSES, async () => {
    ids.push(await host.ok('run', '-d', '--network', 'crowd', 'busybox', 'sleep', '3600'));
  });
  assert.equal(new Set(ids).size, COUNT);
  const rows = (await host.ok('ps', '--no-trunc', '--format', '{{.ID}} {{.Names}} {{.IP}}')).split('\n');
  assert.equal(rows.length, COUNT);
  const columns = rows.map((row) => row.split(' '));
  for (const [i, what] of ['ids', 'names', 'addresses'].entries())
    assert.equal(new Set(columns.map((row) => row[i])).size, COUNT, what);
  assert.equal(readdirSync(`${host.root}/networks/crowd/leases`).length, COUNT);
  // What is written down is what each really has: neighbours of the bridge, seen from outside of the engine.
  const links = (await host.inside('ip', '-o', 'link')).stdout.match(/\bmd[0-9a-f]{10}-0\b/g) ?? [];
  assert.equal(links.length, COUNT);
  const [, firstName = '', firstIp = ''] = columns[0] ?? [];
  const [, lastName = '', lastIp = ''] = columns.at(-1) ?? [];
  const [first, last] = [await host.namespaceOf(firstName), await host.namespaceOf(lastName)];
  await echo(last, '::', 7000);
  assert.deepEqual(await ask(first, [['tcp', lastIp, 7000]]), [firstIp]);
  const pings = columns.map(([, name = '']) => name).slice(0, 10);
  await Promise.all(pings.map((name) => host.ok('exec', lastName, 'ping', '-c1', '-W10', name)));
  // A command has a minute.
  for (let i = 0; i < COUNT; i += 50) await host.ok('rm', '-f', ...ids.slice(i, i + 50));
  assert.equal(readdirSync(`${host.root}/networks/crowd/leases`).length, 0);
  await until(
    'no interface is left',
    async () => !(await host.inside('ip', '-o', 'link')).stdout.includes('-0@'),
  );
});
