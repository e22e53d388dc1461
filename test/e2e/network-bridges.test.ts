/** Bridges: made whole or made anew, whatever was left; never beside another's with the same addresses. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { until } from './harness.ts';
import { HOST_IP, NetHost, WGET } from './network-host.ts';

const host = new NetHost();
const WEB = ['busybox', 'httpd', '-f', '-h', '/etc'];

async function bridgeOf(network: string): Promise<string> {
  const id = await host.ok('network', 'inspect', '-f', '{{.Id}}', network);
  return `md-${id.slice(0, 12)}`;
}

/** "10.208.0.1/22" and such, of an interface on the host. */
async function addresses(link: string): Promise<string[]> {
  const { stdout } = await host.inside('ip', '-o', 'addr', 'show', link);
  return [...stdout.matchAll(/inet6? (\S+)/g)].map(([, one]) => one ?? '');
}

const fetched = async (port: number): Promise<string> =>
  (await host.outside(...WGET, `http://${HOST_IP}:${port}/hostname`)).stdout.trim();

test('a network whose packets are too small for IPv6: with its gateway, its ports, and rules that come back', async () => {
  await host.ok('network', 'create', '-o', 'mtu=1000', '--subnet', '10.60.0.0/24', 'small');
  await host.ok(
    'run',
    '-d',
    '--name',
    'tiny',
    '--hostname',
    'tiny',
    '--network',
    'small',
    '-p',
    '8080:80',
    ...WEB,
  );
  assert.deepEqual(await addresses(await bridgeOf('small')), ['10.60.0.1/24']);
  assert.equal(await fetched(8080), 'tiny');
  await host.inside('nft', 'flush', 'ruleset');
  await host.ok('network', 'reload');
  assert.equal(await fetched(8080), 'tiny');
  await host.ok('rm', '-f', 'tiny');
  assert.match(
    await host.fails(125, 'network', 'create', '--ipv6', '-o', 'mtu=1279', 'six'),
    /with an MTU of 1279 there is no IPv6; give 1280 or more/,
  );
  await host.ok('network', 'create', '--ipv6', '-o', 'mtu=1280', 'six');
  await host.ok('run', '--rm', '--network', 'six', 'busybox', 'true');
});

test('a bridge that somebody left half made, or set down, is put right', async () => {
  await host.ok('network', 'create', '--subnet', '10.61.0.0/24', 'half');
  const bridge = await bridgeOf('half');
  const run = [
    'run',
    '-d',
    '--name',
    'web',
    '--hostname',
    'web',
    '--network',
    'half',
    '-p',
    '8081:80',
    ...WEB,
  ];
  await host.ok(...run);
  const mac = (await host.inside('cat', `/sys/class/net/${bridge}/address`)).stdout.trim();
  const link = (await host.inside('ip', '-o', 'link', 'show', bridge)).stdout;
  const [, address = mac] = /link\/ether (\S+)/.exec(link) ?? [];
  await host.ok('rm', '-f', 'web');
  // What is there after the step that makes it, when the next one never came.
  await host.inside('ip', 'link', 'del', bridge);
  await host.inside('ip', 'link', 'add', bridge, 'address', address, 'type', 'bridge');
  await host.ok(...run);
  assert.deepEqual(await addresses(bridge), ['10.61.0.1/24']);
  assert.equal((await host.inside('cat', `/proc/sys/net/ipv6/conf/${bridge}/disable_ipv6`)).stdout, '1\n');
  assert.equal(await fetched(8081), 'web');
  await host.inside('ip', 'link', 'set', bridge, 'down');
  assert.equal(await fetched(8081), '');
  await host.ok('network', 'reload');
  assert.equal(await fetched(8081), 'web');
  await host.inside('ip', 'addr', 'flush', 'dev', bridge);
  await host.ok('network', 'reload');
  assert.equal(await fetched(8081), 'web');
  await host.ok('rm', '-f', 'web');
});

test('two root directories with the same subnet: the second to start is refused, and told whose it is', async () => {
  const root = mkdtempSync('/var/tmp/mydocker-e2e-');
  const other = (...words: string[]) => host.run(words, { env: { MYDOCKER_ROOT: root } });
  after(async () => {
    await other('rm', '-f', 'second');
    rmSync(root, { recursive: true });
  });
  await host.ok('create', '--name', 'first', ...WEB);
  assert.equal((await other('create', '--name', 'second', ...WEB)).code, 0);
  await host.ok('start', 'first');
  const { code, stderr } = await other('start', 'second');
  const bridge = await bridgeOf('bridge');
  assert.equal(code, 125);
  assert.match(
    stderr,
    new RegExp(
      `^mydocker: the subnet (10\\.\\S+) of the network bridge is somebody else’s by now: the host has a route \\1 by ${bridge}; take that away [^\\n]*\\n$`,
    ),
  );
  assert.equal((await other('ps', '-a', '--format', '{{.Status}}')).stdout, 'created\n');
  assert.equal((await other('network', 'create', 'free')).code, 0);
  assert.equal((await other('run', '--rm', '--network', 'free', 'busybox', 'true')).code, 0);
  await host.ok('rm', '-f', 'first');
});

test('a conflict with a route that came later keeps nobody from getting out of it', async () => {
  await host.ok('network', 'create', '--subnet', '10.62.0.0/24', 'lost');
  await host.ok('network', 'create', '--subnet', '10.63.0.0/24', 'kept');
  const idle = ['busybox', 'sleep', '600'];
  await host.ok('run', '-d', '--name', 'both', '--network', 'lost', '--network', 'kept', ...idle);
  const id = await host.ok('run', '-d', '--name', 'dead', '--network', 'lost', ...idle);
  const ip = async (...words: string[]) => {
    const { code, stderr } = await host.inside('ip', ...words);
    assert.equal(code, 0, `ip ${words.join(' ')}: ${stderr}`);
  };
  await ip('link', 'del', await bridgeOf('lost'));
  await ip('link', 'add', 'taker', 'type', 'veth', 'peer', 'name', 'other');
  for (const link of ['taker', 'other']) await ip('link', 'set', link, 'up');
  await ip('route', 'add', '10.62.0.0/24', 'dev', 'taker');
  await host.ok('rename', 'both', 'renamed');
  await host.ok('network', 'disconnect', 'lost', 'renamed');
  await host.ok('network', 'disconnect', 'kept', 'renamed');
  assert.match(await host.fails(125, 'network', 'connect', 'lost', 'renamed'), /somebody else’s by now/);
  // Its plan is made anew, to be undone.
  const state = JSON.parse(readFileSync(`${host.root}/run/${id}/state.json`, 'utf8')) as {
    monitorPid: number;
  };
  process.kill(state.monitorPid, 'SIGKILL');
  writeFileSync(`${host.root}/run/${id}/plan`, '');
  const running = ['inspect', '-f', '{{.State.Running}}', 'dead'];
  await until('its end is seen', async () => (await host.ok(...running)) === 'false');
  await host.ok('ps');
  await host.ok('rm', '-f', 'dead', 'renamed');
  await ip('route', 'del', '10.62.0.0/24', 'dev', 'taker');
  // Where the bridge has its addresses, a longer route is the administrator's own affair.
  await host.ok('run', '--rm', '--network', 'lost', ...['busybox', 'true']);
  await host.inside('sysctl', '-qw', `net.ipv4.conf.${await bridgeOf('lost')}.tag=0`);
  await ip('route', 'add', '10.62.0.77/32', 'dev', 'taker');
  await ip('route', 'add', 'unreachable', '10.63.0.0/24', 'metric', '4000');
  await host.ok('run', '--rm', '--network', 'lost', 'busybox', 'true');
  await ip('link', 'del', await bridgeOf('kept'));
  await host.ok('run', '--rm', '--network', 'kept', 'busybox', 'true');
});
