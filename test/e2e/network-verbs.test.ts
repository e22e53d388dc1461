/** `network create`, `ls`, `inspect`, `rm`, `prune`: what they make, what they refuse, what they leave. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { HOST_IP, NetHost } from './network-host.ts';

const host = new NetHost();
const names = async (...args: string[]) =>
  (await host.ok('network', 'ls', '--format', '{{.Name}}', ...args)).split('\n').filter(Boolean);
const bridges = async () =>
  (
    (await host.inside('ip', '-o', 'link', 'show', 'type', 'bridge')).stdout.match(/ md-[0-9a-f]+/g) ?? []
  ).map((text) => text.trim());
interface Inspected {
  Id: string;
  Driver: string;
  Internal: boolean;
  EnableIPv6: boolean;
  IPAM: { Config: Array<{ Subnet: string; Gateway: string; IPRange?: string }> };
  Containers: Record<string, { Name: string; IPv4Address: string; MacAddress: string }>;
  Options: Record<string, string>;
  Labels: Record<string, string>;
}
const inspect = async (name: string): Promise<Inspected> =>
  (JSON.parse(await host.ok('network', 'inspect', name)) as Inspected[])[0] as Inspected;

test('the seed’s spelling: network create -driver bridge -subnet …, network list, network remove', async () => {
  const id = await host.ok('network', 'create', '-driver', 'bridge', '-subnet', '192.168.10.0/24', 'testbr');
  assert.match(id, /^[0-9a-f]{64}$/);
  const list = await host.ok('network', 'list');
  const [head = '', ...rows] = list.split('\n');
  assert.match(head, /^NETWORK ID +NAME +DRIVER +SCOPE +SUBNET$/);
  assert.deepEqual(
    rows.map((row) => row.split(/\s+/).slice(1, 3).join(' ')),
    ['bridge bridge', 'host host', 'none null', 'testbr bridge'],
  );
  assert.match(list, new RegExp(`^${id.slice(0, 12)} +testbr +bridge +local +192\\.168\\.10\\.0/24$`, 'm'));
  const column = head.indexOf('DRIVER');
  for (const row of rows) assert.match(row.slice(column - 1), /^ (bridge|host|null) /, 'columns line up');
  const ip = await host.ok('run', '--rm', '-net', 'testbr', 'busybox', 'hostname', '-i');
  assert.equal(ip, '192.168.10.2');
  assert.equal((await bridges()).length, 1, 'its bridge came with its first container');
  assert.equal(await host.ok('network', 'remove', 'testbr'), 'testbr');
  assert.deepEqual(await bridges(), [], 'and goes with the network');
  assert.deepEqual(await names(), ['bridge', 'host', 'none']);
});

test('everything at once: IPv6, gateway, range, MTU, label, internal; inspect shows it as Docker does', async () => {
  await host.ok(
    ...['network', 'create', '--subnet', '172.29.0.0/16', '--gateway', '172.29.9.9'],
    ...['--ip-range', '172.29.5.0/24', '--subnet', 'fd00:29::/64', '--ipv6', '--internal'],
    ...['--label', 'project=web', '-o', 'mtu=1400', 'whole'],
  );
  const one = await inspect('whole');
  assert.equal(one.Driver, 'bridge');
  assert.equal(one.Internal, true);
  assert.equal(one.EnableIPv6, true);
  assert.deepEqual(one.IPAM.Config, [
    { Subnet: '172.29.0.0/16', IPRange: '172.29.5.0/24', Gateway: '172.29.9.9' },
    { Subnet: 'fd00:29::/64', Gateway: 'fd00:29::1' },
  ]);
  assert.deepEqual(one.Labels, { project: 'web' });
  assert.deepEqual(one.Containers, {});
  const id = await host.ok('run', '-d', '--name', 'inner', '--network', 'whole', 'busybox', 'sleep', '600');
  const { Containers, Options } = await inspect(one.Id.slice(0, 10));
  assert.deepEqual(Object.keys(Containers), [id]);
  assert.equal(Containers[id]?.Name, 'inner');
  assert.equal(Containers[id]?.IPv4Address, '172.29.5.0/16', 'the lowest of the range');
  assert.equal(Options['com.docker.network.driver.mtu'], '1400');
  const links = (await host.inside('ip', '-o', 'link')).stdout;
  assert.match(links, new RegExp(`${Options['com.docker.network.bridge.name']}:.* mtu 1400 `));
  const inside = await host.ok('exec', 'inner', 'ip', 'addr', 'show', 'eth0');
  assert.match(inside, /mtu 1400/);
  assert.match(inside, /inet6 fd00:29::2\/64/);
  assert.equal(await host.ok('network', 'inspect', '-f', '{{.Internal}} {{.Scope}}', 'whole'), 'true local');
  await host.ok('rm', '-f', 'inner');
  await host.ok('network', 'rm', one.Id.slice(0, 12));
});

test('ls: -q, --no-trunc, filters and formats', async () => {
  const a = await host.ok('network', 'create', '--label', 'tier=a', 'alpha');
  await host.ok('network', 'create', '--label', 'tier=b', 'beta');
  await host.ok('create', '--name', 'user', '--network', 'beta', 'busybox', 'true');
  assert.deepEqual(await names('--filter', 'type=custom'), ['alpha', 'beta']);
  assert.deepEqual(await names('-f', 'dangling=true'), ['alpha']);
  assert.deepEqual(await names('-f', 'dangling=false'), ['beta']);
  assert.deepEqual(await names('-f', 'label=tier'), ['alpha', 'beta']);
  assert.deepEqual(await names('-f', 'label=tier=b'), ['beta']);
  assert.deepEqual(await names('-f', 'label!=tier=b', '-f', 'type=custom'), ['alpha']);
  assert.deepEqual(await names('-f', 'driver=host'), ['host']);
  assert.deepEqual(await names('-f', 'name=et'), ['beta']);
  assert.deepEqual(await names('-f', `id=${a.slice(0, 8)}`), ['alpha']);
  assert.equal(await host.ok('network', 'ls', '-q', '--no-trunc', '-f', 'name=alpha'), a);
  assert.equal(await host.ok('network', 'ls', '-q', '-f', 'name=alpha'), a.slice(0, 12));
  const row = JSON.parse(await host.ok('network', 'ls', '--format', 'json', '-f', 'name=alpha'));
  assert.deepEqual([row.ID, row.Name, row.Driver, row.Scope], [a.slice(0, 12), 'alpha', 'bridge', 'local']);
  assert.match(await host.fails(125, 'network', 'ls', '-f', 'colour=red'), /no filter "colour"/);
  assert.match(await host.fails(1, 'network', 'rm', 'beta'), /in it is user \(created\)/);
  // Prune leaves what anybody uses, running or not.
  const asked = await host.run(['network', 'prune'], { input: 'n\n' });
  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /WARNING! This will remove .*cancelled: nothing was removed/s);
  assert.equal(await host.ok('network', 'prune', '-f', '--filter', 'label=tier=b'), '');
  assert.equal(await host.ok('network', 'prune', '-f'), 'Deleted Networks:\nalpha');
  await host.ok('rm', 'user');
  assert.equal(await host.ok('network', 'prune', '-f', '--filter', 'until=1h'), '', 'it is younger');
  assert.equal(await host.ok('network', 'prune', '-f'), 'Deleted Networks:\nbeta');
});

test('subnets come from the pool of the configuration file, in /24s, past what the host routes', async () => {
  const config = `${host.root}/config.json`;
  const env = { MYDOCKER_CONFIG: config };
  const create = (name: string) => host.run(['network', 'create', name], { env });
  writeFileSync(config, '{ "addressPool": "10.66.0.0/21" }');
  await host.inside('ip', 'route', 'add', '10.66.1.0/24', 'dev', 'wire');
  await host.inside('ip', 'route', 'add', '10.66.2.64/26', 'dev', 'wire');
  await host.ok('network', 'create', '--subnet', '10.66.4.128/25', 'half');
  const made: string[] = [];
  for (const name of ['p0', 'p1', 'p2', 'p3', 'p4']) {
    assert.equal((await create(name)).code, 0, name);
    made.push((await inspect(name)).IPAM.Config[0]?.Subnet ?? '');
  }
  assert.deepEqual(made, ['10.66.0.0/24', '10.66.3.0/24', '10.66.5.0/24', '10.66.6.0/24', '10.66.7.0/24']);
  const full = await create('p5');
  assert.equal(full.code, 125);
  assert.match(full.stderr, /no subnet is free in 10\.66\.0\.0\/21/);
  writeFileSync(config, '{ "addressPool": "10.66.0.0/30" }');
  assert.match((await create('p5')).stderr, /"10\.66\.0\.0\/30" is no IPv4 range of at least a \/22/);
  writeFileSync(config, '{ "adressPool": "10.66.0.0/16" }');
  assert.match((await create('p5')).stderr, /unknown setting "adressPool"/);
  writeFileSync(config, '{');
  assert.match((await create('p5')).stderr, /is no JSON/);
  rmSync(config);
  await host.ok('network', 'rm', 'half', 'p0', 'p1', 'p2', 'p3', 'p4');
  await host.inside('ip', 'route', 'del', '10.66.1.0/24', 'dev', 'wire');
  await host.inside('ip', 'route', 'del', '10.66.2.64/26', 'dev', 'wire');
});

test('many networks: each has its own subnet, made from four processes at once', async () => {
  const all = Array.from({ length: 40 }, (_, i) => `many${i}`);
  const made = await Promise.all(
    [0, 1, 2, 3].map(async (lane) => {
      const subnets: string[] = [];
      for (const name of all.filter((_, i) => i % 4 === lane)) {
        await host.ok('network', 'create', name);
        subnets.push((await inspect(name)).IPAM.Config[0]?.Subnet ?? '');
      }
      return subnets;
    }),
  );
  assert.equal(new Set(made.flat()).size, all.length);
  await host.ok('network', 'rm', ...all);
});

test('a network named like an interface of the host gets a bridge of another name; that interface stays', async () => {
  await host.inside('ip', 'link', 'add', 'br0', 'type', 'bridge');
  await host.inside('ip', 'link', 'set', 'br0', 'address', '02:00:00:00:00:07');
  for (const name of ['br0', 'wire', 'lo']) {
    await host.ok('network', 'create', name);
    await host.ok('run', '--rm', '--network', name, 'busybox', 'ping', '-c1', '-W5', HOST_IP);
    await host.ok('network', 'rm', name);
  }
  assert.match((await host.inside('ip', '-o', 'link', 'show', 'br0')).stdout, /02:00:00:00:00:07/);
  await host.inside('ip', 'link', 'del', 'br0');
});

test('an interface of somebody else under our bridge’s name is neither used nor removed', async () => {
  await host.ok('network', 'create', 'taken');
  const { 'com.docker.network.bridge.name': bridge = '' } = (await inspect('taken')).Options;
  await host.inside('ip', 'link', 'add', bridge, 'type', 'bridge');
  const error = await host.fails(125, 'run', '--rm', '--network', 'taken', 'busybox', 'true');
  assert.match(error, /an interface of that name that mydocker did not make/);
  await host.ok('network', 'rm', 'taken');
  assert.deepEqual(await bridges(), [bridge]);
  await host.inside('ip', 'link', 'del', bridge);
});

test('a fault at every step of network rm: the network is there as before, and still works', async () => {
  await host.ok('network', 'create', 'steps');
  await host.ok('run', '--rm', '--network', 'steps', 'busybox', 'true');
  let failed = 0;
  for (; ; failed++) {
    const result = await host.run(['network', 'rm', 'steps'], {
      env: { MYDOCKER_FAIL_STEP: String(failed + 1) },
    });
    if (result.code === 0) break;
    assert.match(result.stderr, /^mydocker: cannot remove the network steps: step \d+, .*EIO.*\n$/);
    assert.deepEqual(await names('-f', 'type=custom'), ['steps']);
    await host.ok('run', '--rm', '--network', 'steps', 'busybox', 'ping', '-c1', '-W5', HOST_IP);
  }
  assert.ok(failed >= 2, `${failed} steps`);
  assert.deepEqual(await names('-f', 'type=custom'), []);
  assert.deepEqual(await bridges(), []);
});

test('killed anywhere in network create and rm: no bridge, no half network; the next command clears up', async () => {
  await host.ok('network', 'create', 'warm');
  await host.ok('run', '--rm', '--network', 'warm', 'busybox', 'true');
  await host.ok('network', 'rm', 'warm');
  for (let ms = 20; ms <= 200; ms += 20) {
    await host.ok('network', 'create', 'killed');
    await host.ok('run', '--rm', '--network', 'killed', 'busybox', 'true');
    for (const verb of ['rm', 'create']) {
      await host.run(['network', verb, 'killed'], { timeoutMs: ms });
      const there = await host.run(['network', 'inspect', 'killed']);
      if (there.code !== 0) await host.run(['network', 'create', 'killed']);
      await host.ok('run', '--rm', '--network', 'killed', 'busybox', 'true');
    }
    await host.ok('network', 'rm', 'killed');
    await host.ok('network', 'prune', '-f');
    assert.deepEqual(await bridges(), [], `after ${ms} ms`);
    const left = readdirSync(`${host.root}/networks`).filter(
      (name) => name !== 'bridge' && !name.startsWith('.on-'),
    );
    assert.deepEqual(left, [], `after ${ms} ms`);
  }
});

test('each event of a network is told', async () => {
  const id = await host.ok('network', 'create', 'told');
  await host.ok('network', 'rm', 'told');
  const events = readFileSync(`${host.root}/events.jsonl`, 'utf8')
    .split('\n')
    .filter((line) => line.includes(id))
    .map((line) => JSON.parse(line) as { type: string; action: string; attributes: { name: string } });
  assert.deepEqual(
    events.map(({ type, action, attributes }) => `${type} ${action} ${attributes.name}`),
    ['network create told', 'network destroy told'],
  );
});
