/** --egress: what a container may reach, and what it may not, with real traffic to another host. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BAD, BAD6, EgressHost, GOOD, GOOD6, METADATA } from './egress-bed.ts';
import { until } from './harness.ts';
import { OTHER_IP } from './network-host.ts';

const host = new EgressHost();
const NO_NAME = 'Name does not resolve';

// Not in before(): what is started there ends with it.
await host.open();
await host.limited(
  'bird',
  '--egress',
  'allow=good.test,*.below.test',
  '--egress',
  'allow=alias.test,meta.test',
);

test('without a list all of it is in reach', async () => {
  await host.limited('free');
  for (const to of ['good.test', 'bad.test', GOOD, BAD, GOOD6, BAD6, METADATA]) {
    assert.equal(await host.ask('free', 'tcp', to, '80'), 'answered', to);
    assert.equal(await host.ask('free', 'udp', to, '80'), 'answered', to);
  }
  assert.equal(await host.ask('free', 'udp', BAD, '53'), 'answered');
  await host.ok('rm', '-f', 'free');
});

test('a name of the list is in reach once it is asked for, by IPv4 and IPv6; its address alone is not before', async () => {
  await host.limited('fresh', '--egress', 'allow=good.test');
  assert.equal(await host.ask('fresh', 'tcp', GOOD, '80'), 'ECONNREFUSED');
  assert.equal(await host.ask('fresh', 'tcp', GOOD6, '80'), 'ECONNREFUSED');
  assert.equal(await host.ask('fresh', 'tcp', 'good.test', '80'), 'answered');
  for (const to of [GOOD, GOOD6]) {
    assert.equal(await host.ask('fresh', 'tcp', to, '80'), 'answered', to);
    assert.equal(await host.ask('fresh', 'udp', to, '80'), 'answered', to);
  }
  assert.equal(await host.ask('fresh', 'ping', GOOD), 'answered');
  await host.ok('rm', '-f', 'fresh');
});

test('everything else is rejected at once: no name, no connection, no datagram, no echo', async () => {
  assert.equal(await host.ask('bird', 'tcp', 'bad.test', '80'), NO_NAME);
  for (const to of [BAD, BAD6, OTHER_IP, '10.208.0.1']) {
    assert.equal(await host.ask('bird', 'tcp', to, '80'), 'ECONNREFUSED', to);
    assert.equal(await host.ask('bird', 'udp', to, '80'), 'EPERM', to);
  }
  assert.equal(await host.ask('bird', 'ping', BAD), 'EPERM');
});

test('capital letters, names below a domain and chains of CNAMEs are followed; the domain itself is not meant', async () => {
  assert.equal(await host.ask('bird', 'tcp', 'GoOd.TeSt', '80'), 'answered');
  assert.equal(await host.ask('bird', 'tcp', 'Deep.Below.Test', '80'), 'answered');
  assert.equal(await host.ask('bird', 'tcp', 'below.test', '80'), NO_NAME);
  assert.equal(await host.ask('bird', 'tcp', 'next.test', '80'), NO_NAME, 'a link of the chain is no entry');
  await host.limited('chain', '--egress', 'allow=ALIAS.test');
  assert.equal(await host.ask('chain', 'tcp', 'alias.test', '80'), 'answered');
  await host.ok('rm', '-f', 'chain');
});

test('a name never opens the address clouds answer credentials at; an entry for it does', async () => {
  assert.equal(await host.ask('bird', 'tcp', 'meta.test', '80'), 'ECONNREFUSED');
  await host.limited('cloud', '--egress', `allow=${METADATA}`);
  assert.equal(await host.ask('cloud', 'tcp', METADATA, '80'), 'answered');
  await host.ok('rm', '-f', 'cloud');
});

test('other resolvers are no way round: ports 53 and 853 are closed, whatever the list has', async () => {
  await host.limited('wide', '--egress', 'allow=0.0.0.0/0,::/0');
  assert.equal(await host.ask('wide', 'tcp', BAD, '80'), 'answered');
  assert.equal(await host.ask('wide', 'tcp', BAD6, '80'), 'answered');
  assert.equal(await host.ask('wide', 'tcp', 'bad.test', '80'), NO_NAME);
  for (const port of ['53', '853']) {
    for (const to of [OTHER_IP, BAD, BAD6]) {
      assert.equal(await host.ask('wide', 'tcp', to, port), 'ECONNREFUSED', `${to} ${port}`);
      assert.equal(await host.ask('wide', 'udp', to, port), 'EPERM', `${to} ${port}`);
    }
  }
  await host.ok('rm', '-f', 'wide');
});

test('ranges hold from the first to the last address', async () => {
  await host.limited('range', '--egress', `allow=203.0.113.0/31,${BAD6}`);
  assert.equal(await host.ask('range', 'tcp', GOOD, '80'), 'answered');
  assert.equal(await host.ask('range', 'tcp', BAD, '80'), 'ECONNREFUSED');
  assert.equal(await host.ask('range', 'tcp', BAD6, '80'), 'answered');
  assert.equal(await host.ask('range', 'tcp', GOOD6, '80'), 'ECONNREFUSED');
  await host.ok('rm', '-f', 'range');
});

test('--egress none: no name, no address; its own loopback and who comes in are not meant', async () => {
  const page = ['sh', '-c', 'echo here >/index.html; exec httpd -f -h / -p 80'];
  await host.ok(
    'run',
    '-d',
    '--name',
    'shut',
    ...host.flags,
    '-p',
    '8088:80',
    '--egress',
    'none',
    'busybox',
    ...page,
  );
  assert.equal(await host.ask('shut', 'tcp', 'good.test', '80'), NO_NAME);
  assert.equal(await host.ask('shut', 'tcp', GOOD, '80'), 'ECONNREFUSED');
  await until('the web server answers inside', async () => {
    const { stdout } = await host.run(['exec', 'shut', 'wget', '-qO-', 'http://127.0.0.1/']);
    return stdout.trim() === 'here';
  });
  const { stdout } = await host.outside('wget', '-qO-', '-T10', '-t1', 'http://198.51.100.2:8088/');
  assert.equal(stdout.trim(), 'here', 'answers of a published port go out');
  await host.ok('rm', '-f', 'shut');
});

test('addresses of an answer stay in reach as long as it holds, a minute at least and a day at most', async () => {
  const ruleset = async () => (await host.within('ttl', 'nft', 'list', 'ruleset')).stdout;
  await host.limited('ttl', '--egress', 'allow=short.test,long.test');
  await host.ask('ttl', 'tcp', 'short.test', '80');
  assert.match(await ruleset(), /203\.0\.113\.1 timeout 1m .*comment "short\.test"/);
  await host.ask('ttl', 'tcp', 'long.test', '80');
  assert.match(await ruleset(), /203\.0\.113\.1 timeout 1d .*comment "long\.test"/);
  await host.ok('rm', '-f', 'ttl');
});

test('users of its own: the list holds all the same', async () => {
  await host.limited('mapped', '--userns', 'auto', '--egress', 'allow=good.test');
  assert.equal(await host.ask('mapped', 'tcp', 'good.test', '80'), 'answered');
  assert.equal(await host.ask('mapped', 'tcp', BAD, '80'), 'ECONNREFUSED');
  await host.ok('rm', '-f', 'mapped');
});

test('network denied: names and addresses, how often, the latest first; kept when it has ended, begun anew at a start', async () => {
  await host.limited('log', '--egress', 'allow=good.test');
  assert.deepEqual(await host.denied('log'), []);
  for (let i = 0; i < 3; i++) await host.ask('log', 'tcp', BAD, '80');
  await host.ask('log', 'udp', BAD6, '80');
  await host.ask('log', 'ping', BAD);
  await host.ask('log', 'tcp', 'bad.test', '80');
  // musl asks for both kinds of address, and again when an answer takes 2.5 s.
  const denied = async () =>
    (await host.denied('log')).map((line) =>
      line.replace(/^(name bad\.test dns 53) ([2-9]|\d\d+)$/, '$1 2+'),
    );
  const expected = [
    `address ${BAD6} udp 80 1`,
    `address ${BAD} icmp  1`,
    `address ${BAD} tcp 80 3`,
    'name bad.test dns 53 2+',
  ];
  assert.deepEqual(await denied(), expected);
  const table = await host.ok('network', 'denied', 'log');
  const [head = '', first = ''] = table.split('\n');
  assert.match(head, /^TO +PROTOCOL +PORT +COUNT +LAST$/);
  assert.match(first, /^bad\.test +dns +53 +([2-9]|\d\d+) +\d{4}-\d\d-\d\dT/);
  const json = (await host.ok('network', 'denied', '--format', 'json', 'log')).split('\n');
  const last = json.map((line) => JSON.parse(line) as { To: string; Last: string });
  assert.equal(last.length, 4);
  for (const { Last } of last) assert.ok(Math.abs(Date.parse(Last) - Date.now()) < 120_000, Last);
  await host.ok('stop', '-t', '0', 'log');
  assert.deepEqual(await denied(), expected, 'after its end');
  await host.ok('start', 'log');
  assert.deepEqual(await host.denied('log'), []);
  await host.ok('rm', '-f', 'log');
});

test('events tell what was rejected first at each place, also when the program ends at once', async () => {
  const since = String(Date.now() / 1000);
  const ask = [
    'sh',
    '-c',
    `/client tcp ${BAD} 80; /client tcp ${BAD} 80; /client udp ${BAD6} 53; /client tcp Bad.test 80`,
  ];
  await host.run(['run', '--rm', '--name', 'brief', ...host.flags, '--egress', 'none', 'busybox', ...ask]);
  const options = ['--since', since, '--until', String(Date.now() / 1000 + 1), '--format', 'json'];
  const lines = (await host.ok('events', ...options, '--filter', 'event=egress-denied')).split('\n');
  const events = lines.map((line) => {
    const { Actor } = JSON.parse(line) as { Actor: { Attributes: Record<string, string> } };
    const { name, address, protocol, port, domain } = Actor.Attributes;
    return [name, domain ?? `${address} ${protocol} ${port}`].join(' ');
  });
  assert.deepEqual(events.filter((line) => line.startsWith('brief')).sort(), [
    `brief ${BAD} tcp 80`,
    'brief bad.test',
  ]);
});

test('names by TCP open the way too; records with addresses of their own are withheld; a refusal says that it is one', async () => {
  await host.limited('dns', '--egress', 'allow=good.test');
  const dig = async (...words: string[]) => {
    const { stdout } = await host.within('dns', 'dig', '@127.0.0.11', '+tries=1', '+time=20', ...words);
    return stdout;
  };
  assert.equal(await host.ask('dns', 'tcp', GOOD, '80'), 'ECONNREFUSED');
  assert.equal((await dig('+tcp', '+short', 'good.test')).trim(), GOOD);
  assert.equal(await host.ask('dns', 'tcp', GOOD, '80'), 'answered');
  assert.match(await dig('good.test', 'HTTPS'), /status: NOERROR.*\n.*ANSWER: 0/);
  assert.match(
    await host.inside('dig', `@${OTHER_IP}`, 'good.test', 'HTTPS').then((r) => r.stdout),
    /ANSWER: 1/,
  );
  const refused = await dig('bad.test');
  assert.match(refused, /status: NXDOMAIN/);
  assert.match(refused, /EDE: 15 \(Blocked\)/);
  await host.ok('rm', '-f', 'dns');
});

test('a container of a network is in reach by its name, when the list has that', async () => {
  await host.ok('network', 'create', 'nest');
  const on = ['-d', '--network', 'nest', '-v', `${host.client}:/client:ro`];
  for (const name of ['web', 'db'])
    await host.ok('run', ...on, '--name', name, 'busybox', 'httpd', '-f', '-p', '80');
  await host.ok('run', ...on, '--name', 'asker', '--egress', 'allow=web', 'busybox', 'sleep', '600');
  const web = () => host.ask('asker', 'tcp', 'web', '80');
  await until('the web server is there', async () => (await web()) === 'answered');
  assert.equal(await host.ask('asker', 'tcp', 'db', '80'), NO_NAME);
  const ip = await host.ok('inspect', '-f', '{{.NetworkSettings.Networks.nest.IPAddress}}', 'db');
  assert.match(ip, /^\d+\./);
  assert.equal(await host.ask('asker', 'tcp', ip, '80'), 'ECONNREFUSED');
  await host.ok('rm', '-f', 'asker', 'web', 'db');
  await host.ok('network', 'rm', 'nest');
});
