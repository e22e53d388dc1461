/** Whose a port of the host is, from a container's first start to its end. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { before, test } from 'node:test';
import { until } from './harness.ts';
import { NetHost, PYTHON, Server } from './network-host.ts';

const host = new NetHost();
before(() => host.network('blue'));

test('of several starts of one container at once the first chooses its ports, and no others stay taken', async () => {
  const claims = (id: string): string[] =>
    readdirSync(`${host.root}/ports`).filter((name) => readlinkSync(`${host.root}/ports/${name}`) === id);
  for (let round = 0; round < 15; round++) {
    const id = await host.ok('create', '--name', 'chance', '-p', '80', '-p', '81', 'busybox', 'sleep', '600');
    await Promise.all(Array.from({ length: 4 }, () => host.ok('start', 'chance')));
    const said = [...(await host.ok('port', 'chance')).matchAll(/:(\d+)$/gm)].map(([, port]) => port);
    assert.deepEqual(
      claims(id).sort(),
      [...new Set(said)].map((port) => `tcp-any-${port}`).sort(),
      `round ${round}`,
    );
    await host.ok('rm', '-f', 'chance');
    assert.deepEqual(claims(id), []);
  }
});

test('ports stay those of a container that is taken out of its networks, and go with it', async () => {
  for (const flags of [[], ['--rm']]) {
    await host.ok(
      'run',
      '-d',
      ...flags,
      '--name',
      'out',
      '--network',
      'blue',
      '-p',
      '8097:7000',
      'busybox',
      'sleep',
      '600',
    );
    await host.ok('network', 'disconnect', 'blue', 'out');
    assert.equal(await host.ok('port', 'out'), '7000/tcp -> 0.0.0.0:8097');
    await host.ok('rm', '-f', 'out');
    assert.deepEqual(
      readdirSync(`${host.root}/ports`).filter((name) => name.endsWith('-8097')),
      [],
    );
  }
  await host.ok('create', '--name', 'out', '--network', 'blue', '-p', '8097:7000', 'busybox', 'sleep', '600');
  await host.ok('network', 'disconnect', 'blue', 'out');
  await host.ok('start', 'out');
  await host.ok('rm', '-f', 'out');
  assert.deepEqual(
    readdirSync(`${host.root}/ports`).filter((name) => name.endsWith('-8097')),
    [],
  );
});

test('each of several random ports for one port of the container is the same after a restart', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'three',
    '-p',
    '80',
    '-p',
    '80',
    '-p',
    '80',
    'busybox',
    'sleep',
    '600',
  );
  const before = await host.ok('port', 'three');
  assert.equal(new Set(before.split('\n')).size, 3, before);
  await host.ok('restart', '-t', '0', 'three');
  assert.equal(await host.ok('port', 'three'), before);
  await host.ok('rm', '-f', 'three');
});

test('a port that was chosen, and that another program has, is chosen anew, for run --rm too', async () => {
  const LISTEN = `
import socket, time
held = [socket.socket() for _ in range(5)]
for i, s in enumerate(held):
    s.bind(('', 42000 + i))
    s.listen()
print('listens', flush=True)
time.sleep(600)
`;
  const other = new Server(host.namespace, PYTHON, ['-c', LISTEN]);
  await until('it listens', () => other.output.includes('listens'));
  // Of ten ports five are taken: twenty tries in vain do not happen.
  const set = (range: string) => host.inside('sysctl', '-qw', `net.ipv4.ip_local_port_range=${range}`);
  assert.equal((await set('42000 42009')).code, 0);
  for (let round = 0; round < 6; round++) {
    await host.ok('run', '--rm', '-p', '80', 'busybox', 'true');
    await host.ok('run', '-d', '--rm', '--name', 'again', '-p', '80', 'busybox', 'sleep', '600');
    assert.match(await host.ok('port', 'again'), /:4200[5-9]$/);
    await host.ok('rm', '-f', 'again');
  }
  await set('32768 60999');
  await other.stop();
});
