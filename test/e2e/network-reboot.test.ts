/** A machine that was rebooted: bridges, rules and cables are gone, and what containers held on the disk is free. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { until } from './harness.ts';
import { ask, both, echo, HOST_IP, NetHost, OTHER_IP, twice } from './network-host.ts';
import { shims } from './state.ts';

const host = new NetHost();
const OTHER_BOOT = '00000000-0000-4000-8000-000000000000';

/** Everything of one boot goes; records of the last one are all that is left. */
async function reboot(...ids: readonly string[]): Promise<void> {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  for (const pid of shims(host.root)) process.kill(pid, 'SIGSTOP');
  for (const id of ids)
    for (const file of [`run/${id}/state.json`, `containers/${id}/running`]) {
      const text = readFileSync(`${host.root}/${file}`, 'utf8');
      assert.ok(text.includes(boot), file);
      writeFileSync(`${host.root}/${file}`, text.replaceAll(boot, OTHER_BOOT));
    }
  for (const pid of shims(host.root)) process.kill(pid, 'SIGKILL');
  await until('all processes are gone', () => shims(host.root).length === 0);
  await host.inside('nft', 'flush', 'ruleset');
  const links = (await host.inside('ip', '-o', 'link')).stdout.match(/\bmd-?[0-9a-f]{10,12}(-\d+)?\b/g) ?? [];
  for (const link of new Set(links)) await host.inside('ip', 'link', 'del', link);
}

test('after a reboot ports and names are free, and a container starts with its address and its ports', async () => {
  await host.ok('network', 'create', '--subnet', '10.78.0.0/24', 'front');
  const flags = ['--network', 'front', '-p', '8310:7000', '-p', '8310:7000/udp'];
  const old = await host.nest('old', ...flags);
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'old');
  assert.deepEqual(await ask(host.other, both(8310, HOST_IP), 5), twice(OTHER_IP));
  await reboot(id);
  assert.equal(await host.ok('ps', '--format', '{{.Names}} {{.Status}}'), 'old stopped');

  // Nobody has the port: another one takes it, and finds no name of the old one.
  const next = await host.nest('next', ...flags);
  assert.notEqual(next.ip, old.ip, 'its address is kept for it');
  assert.deepEqual(await ask(host.other, both(8310, HOST_IP), 5), twice(OTHER_IP));
  assert.match(await host.fails(125, 'start', 'old'), /8310.*the container next/);
  await host.ok('rm', '-f', 'next');

  await host.ok('start', 'old');
  const server = await echo(await host.namespaceOf('old'), '::', 7000);
  assert.equal(
    await host.ok('inspect', '-f', '{{.NetworkSettings.Networks.front.IPAddress}}', 'old'),
    old.ip,
  );
  assert.deepEqual(await ask(host.other, both(8310, HOST_IP), 5), twice(OTHER_IP), 'its port again');
  await server.stop();
  await host.ok('rm', '-f', 'old');
  await host.ok('network', 'rm', 'front');
});
