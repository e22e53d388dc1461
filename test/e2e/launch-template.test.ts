/** A plan put together from kept pieces is the plan, byte for byte: template-check.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { echo, NetHost } from './network-host.ts';

const host = new NetHost();

test('two containers of each spec, in any order, get the bytes that launchPlan() makes for them', async () => {
  await host.network('front');
  await host.network('six', { ipv6: true });
  // The bridges are made by their first containers: what is planned for them then is numbered anew each time.
  for (const network of ['bridge', 'front', 'six'])
    await host.ok('run', '-d', '--network', network, 'busybox', 'sleep', '3600');
  const { code, stdout, stderr } = await host.inside(
    process.execPath,
    'build/test/e2e/template-check.js',
    host.root,
  );
  assert.equal(code, 0, stderr);
  assert.ok(Number(stdout) > 40, stdout);
});

test('a start that was made ready tells the step that failed, on a network that it is the first to use', async () => {
  for (const name of ['first', 'second']) await host.network(name);
  await echo(host.namespace, '::', 8090);
  const { code, stderr } = await host.inside(
    process.execPath,
    'build/test/e2e/ready-network.js',
    host.root,
    '8090',
  );
  assert.equal(code, 0, stderr);
});
