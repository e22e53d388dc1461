/** The default network: the way out, and published ports from every side. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from './harness.ts';
import { HOST_IP, NetHost, OTHER_IP, WGET, webServer } from './network-host.ts';

const host = new NetHost();

const isUp = (container: string, port: number) =>
  until(`${container} listens on ${port}`, async () =>
    (await host.within(container, 'ss', '-Htln', `sport = :${port}`)).stdout.includes('LISTEN'),
  );

test('a container has an address of the default network, pings another host through NAT and the host itself', async () => {
  const text = await host.ok('run', '--rm', 'busybox', 'ip', '-o', '-4', 'addr', 'show', 'eth0');
  assert.match(text, /eth0 +inet 10\.208\.0\.2\/22/);
  await host.ok('run', '--rm', 'busybox', 'ping', '-c1', '-W5', OTHER_IP);
  await host.ok('run', '--rm', 'busybox', 'ping', '-c1', '-W5', HOST_IP);
  await host.ok('run', '--rm', 'busybox', 'ping', '-c1', '-W5', '10.208.0.1');
});

test('-p: a port is reached from another host, from the host’s addresses, from 127.0.0.1 and from containers, also its own', async () => {
  await host.ok(
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    '8080:80',
    '-p',
    '127.0.0.1:8081:80',
    'busybox',
    ...webServer('found'),
  );
  await isUp('web', 80);
  const get = (port: number, ip: string): string[] => [...WGET, `http://${ip}:${port}/`];
  const from = async (result: Promise<{ stdout: string }>) => (await result).stdout.trim();
  const [wget, ...args] = get(8080, HOST_IP);
  assert.equal(await from(host.outside(wget ?? '', ...args)), 'found', 'another host');
  for (const ip of [HOST_IP, '127.0.0.1', '10.208.0.1'])
    assert.equal(await from(host.inside(wget ?? '', ...get(8080, ip).slice(1))), 'found', `the host, ${ip}`);
  assert.equal(await from(host.inside(wget ?? '', ...get(8081, '127.0.0.1').slice(1))), 'found');
  const client = ['timeout', '5', 'wget', '-qO-', `http://${HOST_IP}:8080/`];
  assert.equal(await host.ok('run', '--rm', 'busybox', ...client), 'found', 'another container');
  assert.equal(await host.ok('exec', 'web', ...client), 'found', 'the container itself');
  // One address only: not the host's others.
  const refused = ['--tries=1', '-T2', '-qO-', `http://${HOST_IP}:8081/`];
  assert.notEqual((await host.outside('wget', ...refused)).code, 0);
  assert.notEqual((await host.inside('wget', ...refused)).code, 0);
  const log = await host.run(['logs', 'web']);
  assert.match(
    log.stderr,
    new RegExp(`:${OTHER_IP.replaceAll('.', '\\.')}\\]:\\d+: url:/`),
    'the real client address',
  );
  const ps = await host.ok('ps', '--format', '{{.IP}} {{.Ports}}');
  assert.equal(ps, '10.208.0.2 0.0.0.0:8080->80/tcp, 127.0.0.1:8081->80/tcp');
  await host.ok('rm', '-f', 'web');
  assert.notEqual((await host.outside('wget', '-T2', '-t1', '-qO-', `http://${HOST_IP}:8080/`)).code, 0);
});

test('a start without a published port changes nothing in nftables', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const generation = async () => (await host.inside('nft', '-a', '-s', 'list', 'ruleset')).stdout;
  const before = await generation();
  assert.ok(before.includes('chain postrouting'));
  await host.ok('run', '-d', '--name', 'quiet', 'busybox', 'sleep', '600');
  assert.equal(await generation(), before);
  await host.ok('rm', '-f', 'quiet');
});

test('when a container has ended its cable is out of sight, and the next has the same address at once', async () => {
  await host.ok('network', 'create', '--subnet', '10.77.0.0/24', 'one');
  const cables = async (): Promise<string[]> =>
    (await host.inside('ip', '-o', 'link')).stdout.match(/\bmd[0-9a-f]{10}-\d+/g) ?? [];
  const fixed = ['--network', 'one', '--ip', '10.77.0.9'];
  for (let round = 0; round < 20; round++) {
    // With a port the command stays what it is, without one it becomes a front.
    const port = round % 2 === 0 ? ['-p', '8300:80'] : [];
    const own = await host.ok(
      'run',
      '--rm',
      ...fixed,
      ...port,
      'busybox',
      'ip',
      '-4',
      '-o',
      'addr',
      'show',
      'eth0',
    );
    assert.match(own, /inet 10\.77\.0\.9\/24/);
    assert.deepEqual(await cables(), [], `round ${round}`);
  }
  // The cable of a container keeps its name: a restart makes it anew.
  await host.ok('run', '-d', '--name', 'again', ...fixed, 'busybox', 'sleep', '600');
  for (let round = 0; round < 5; round++) {
    await host.ok('restart', '-t', '0', 'again');
    assert.equal((await cables()).length, 1);
    assert.equal((await host.inside('ping', '-c1', '-W5', '10.77.0.9')).code, 0, `restart ${round}`);
  }
  await host.ok('rm', '-f', 'again');
  assert.deepEqual(await cables(), []);
  await host.ok('network', 'rm', 'one');
});
