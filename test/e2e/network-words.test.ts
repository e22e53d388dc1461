/** What explain says of networks, and what is said where one cannot be used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NetHost } from './network-host.ts';

const host = new NetHost();

interface Explained {
  n: number;
  where: string;
  op: string;
  call: string;
  why: string;
  undo?: unknown;
}

const explained = async (...words: string[]): Promise<Explained[]> =>
  (JSON.parse(await host.ok('explain', '--json', 'run', ...words)) as { steps: Explained[] }).steps;

test('explain run -p shows the network: table, bridge, the held port, map elements, the cable, addresses', async () => {
  const text = await host.ok('explain', 'run', '-p', '8080:80', 'busybox', 'true');
  for (const words of [
    /the nftables table mydocker\w*: chains, rules, empty sets/,
    /RTM_NEWLINK: the bridge of the network/,
    /RTM_NEWADDR: 10\.208\.0\.1, the gateway/,
    /socket, bind, listen\(0\.0\.0\.0:8080\/tcp\)/,
    /elements of the maps any4, one4, any6, one6: packets for 8080\/tcp go to the container/,
    /RTM_NEWLINK: a veth pair: md\w+-0 in the bridge, eth0 born in the container/,
    /eth0 up, its address 10\.208\.0\.2\/22, default route by 10\.208\.0\.1/,
  ])
    assert.match(text, words);
  assert.equal((await host.inside('ip', '-o', 'link')).stdout.includes('md-'), false, 'nothing is made');
  assert.equal((await host.inside('nft', 'list', 'ruleset')).stdout, '');
  // A cable goes, a port is released, elements are deleted when it ends: the undos say so.
  const steps = await explained('-p', '8080:80', 'busybox', 'true');
  for (const why of [/veth pair/, /port 8080\/tcp is ours/, /packets for 8080\/tcp/])
    assert.notEqual(steps.find((step) => why.test(step.why))?.undo, undefined, String(why));
});

test('a network that is not there, or has no address left: one sentence, exit code 125, nothing made', async () => {
  assert.match(
    await host.fails(125, 'run', '--network', 'nowhere', 'busybox', 'true'),
    /^mydocker: no such network: nowhere; see all with: mydocker network ls; make it with: mydocker network create nowhere$/,
  );
  await host.ok('network', 'create', '--subnet', '10.98.0.0/30', 'tiny');
  await host.ok('run', '-d', '--name', 'only', '--network', 'tiny', 'busybox', 'sleep', '600');
  assert.match(
    await host.fails(125, 'run', '-d', '--network', 'tiny', 'busybox', 'sleep', '600'),
    /^mydocker: the network tiny has no free address left in 10\.98\.0\.0\/30; remove containers/,
  );
  assert.match(
    await host.fails(125, 'run', '-d', '--network', 'bridge', '--network', 'tiny', 'busybox', 'sleep', '600'),
    /no free address left in 10\.98\.0\.0\/30/,
  );
  assert.match(
    await host.fails(125, 'run', '--network', 'host', '--network', 'tiny', 'busybox'),
    /cannot be combined/,
  );
  assert.equal(await host.ok('ps', '-a', '--format', '{{.Names}}'), 'only');
  await host.ok('rm', '-f', 'only');
  await host.ok('run', '--rm', '--network', 'tiny', 'busybox', 'true');
});

/** The kernel's answer where a part of it is not there, at the first step that matches. */
async function without(what: RegExp, errno: string): Promise<string> {
  const steps = await explained('-p', '8080:80', 'busybox', 'true');
  const n = steps.findIndex((step) => what.test(step.why)) + 1;
  assert.ok(n > 0, String(what));
  const env = { MYDOCKER_FAIL_STEP: `${n}:${errno}` };
  const { code, stderr } = await host.run(['run', '-d', '-p', '8080:80', 'busybox', 'sleep', '600'], { env });
  assert.equal(code, 125, stderr);
  assert.equal(await host.ok('ps', '-aq'), '');
  return stderr;
}

test('a kernel without nftables, bridges or veth pairs: which, and what to do instead', async () => {
  await host.inside('sh', '-c', 'for l in $(ls /sys/class/net | grep ^md-); do ip link del $l; done');
  for (const errno of ['EPROTONOSUPPORT', 'EOPNOTSUPP'])
    assert.match(
      await without(/^the nftables table/, errno),
      /this kernel has no nftables; load nf_tables \(CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT\), or use --network none or host/,
    );
  for (const step of [/^RTM_NEWLINK: the bridge/, /^RTM_NEWLINK: a veth pair/])
    assert.match(
      await without(step, 'EOPNOTSUPP'),
      /this kernel makes no bridges or veth pairs; load bridge and veth \(CONFIG_BRIDGE, CONFIG_VETH\)/,
    );
  await host.ok('run', '--rm', '-p', '8080:80', 'busybox', 'true');
});
