/** Beside other software that filters packets. */
import assert from 'node:assert/strict';
import { ask, both, echo, HOST_IP, type NetHost, OTHER_IP, twice } from './network-host.ts';

/** What a networked container can do, from every side. */
export async function works(host: NetHost, name: string, network: string, port: number): Promise<void> {
  const nest = await host.nest(name, '--network', network, '-p', `${port}:7000`, '-p', `${port}:7000/udp`);
  const server = await echo(host.other, OTHER_IP, 7002);
  assert.deepEqual(await ask(nest.namespace, both(7002, OTHER_IP), 5), twice(HOST_IP), 'the way out');
  assert.deepEqual(await ask(host.other, both(port, HOST_IP), 5), twice(OTHER_IP), 'its port');
  const local = await ask(host.namespace, both(port, '127.0.0.1', HOST_IP), 5);
  assert.ok(!local.includes('timeout') && !local.includes('refused'), local.join(' '));
  await server.stop();
}

/** A firewall that lets nobody in: what listens on the host is not reached from another one. */
export async function keepsOut(host: NetHost, who: string): Promise<void> {
  const own = await echo(host.namespace, HOST_IP, 7003);
  const refused = await ask(host.other, both(7003, HOST_IP), 3);
  assert.ok(
    !refused.some((said) => said.includes(OTHER_IP)),
    `${who} keeps others out: ${refused.join(' ')}`,
  );
  await own.stop();
}
