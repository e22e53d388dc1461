/** Lists changed while the container runs and while it does not; who tries to get past one. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BAD, BAD6, EgressHost, GOOD, GOOD6 } from './egress-bed.ts';
import { until } from './harness.ts';
import { Server } from './network-host.ts';

const host = new EgressHost();
const NO_NAME = 'Name does not resolve';
// Not in before(): what is started there ends with it.
await host.open();

/** A connection that a program in the container holds; `say` sends a line and gives what came of it. */
async function hold(name: string, to: string): Promise<() => Promise<string>> {
  const at = `/tmp/${to}`;
  const lines = async () => (await host.ok('exec', name, 'cat', `${at}.out`)).split('\n');
  await host.ok('exec', name, 'mkfifo', `${at}.in`);
  const script = `exec 3<>${at}.in; exec /client hold ${to} 80 <&3 >${at}.out`;
  await host.ok('exec', '-d', name, 'sh', '-c', script);
  await until('it is connected', async () => {
    const { stdout } = await host.run(['exec', name, 'cat', `${at}.out`]);
    return stdout.includes('connected');
  });
  return async () => {
    const before = (await lines()).length;
    await host.ok('exec', name, 'sh', '-c', `echo line >>${at}.in`);
    await until('the line is sent', async () => (await lines()).length > before);
    return (await lines()).at(-1) ?? '';
  };
}

test('update while it runs: connections the new list allows go on, others are cut off, for good', async () => {
  await host.limited('live', '--egress', 'allow=good.test,bad.test');
  const [good, bad] = [await hold('live', 'good.test'), await hold('live', 'bad.test')];
  assert.deepEqual([await good(), await bad()], ['answered', 'answered']);
  await host.ok('update', '--egress', 'allow=good.test', 'live');
  assert.deepEqual([await good(), await bad()], ['answered', 'ECONNRESET']);
  assert.equal(await host.ask('live', 'tcp', GOOD, '80'), 'answered', 'its address is still known');
  assert.equal(await host.ask('live', 'tcp', BAD, '80'), 'ECONNREFUSED');
  assert.equal(await host.ask('live', 'tcp', 'bad.test', '80'), NO_NAME);
  await host.ok('update', '--egress-add', 'bad.test,*.below.test', 'live');
  assert.equal(await good(), 'answered');
  assert.equal(await host.ask('live', 'tcp', 'bad.test', '80'), 'answered');
  assert.equal(await host.ask('live', 'tcp', 'deep.below.test', '80'), 'answered');
  assert.equal(
    await host.ok('inspect', '-f', '{{json .HostConfig.Egress}}', 'live'),
    '["good.test","bad.test","*.below.test"]',
  );
  await host.ok('network', 'update', '--egress', 'none', 'live');
  assert.equal(await good(), 'ECONNRESET');
  assert.equal(await host.ask('live', 'tcp', GOOD, '80'), 'ECONNREFUSED');
  assert.ok(
    // Two at least: musl asks again when an answer takes 2.5 s.
    (await host.denied('live')).some((line) => /^name bad\.test dns 53 ([2-9]|\d\d+)$/.test(line)),
    'what was denied before still counts',
  );
  await host.ok('rm', '-f', 'live');
});

test('any: everything for now; what was asked for meanwhile is known when a list comes', async () => {
  await host.limited('open', '--egress', 'any');
  const good = await hold('open', 'good.test');
  assert.equal(await host.ask('open', 'tcp', BAD6, '80'), 'answered');
  await host.ok('update', '--egress', 'allow=good.test', 'open');
  assert.equal(await good(), 'answered');
  assert.equal(await host.ask('open', 'tcp', GOOD6, '80'), 'answered');
  assert.equal(await host.ask('open', 'tcp', BAD6, '80'), 'ECONNREFUSED');
  await host.ok('update', '--egress', 'any', 'open');
  assert.equal(await host.ask('open', 'tcp', BAD6, '80'), 'answered');
  assert.equal(await good(), 'answered');
  await host.ok('rm', '-f', 'open');
});

test('any, then none: a stream that only comes in is cut off too', async () => {
  const stream = `
import socket, time
server = socket.create_server(('${GOOD}', 9000))
print('ready', flush=True)
peer, _ = server.accept()
while True:
    peer.sendall(b'tick\\n')
    time.sleep(0.05)
`;
  const server = new Server(host.other, 'python3', ['-c', stream]);
  await until('the server listens', () => server.output.includes('ready'));
  await host.limited('reader', '--egress', 'any');
  await host.ok('exec', '-d', 'reader', 'sh', '-c', `nc ${GOOD} 9000 >/tmp/got; echo over >>/tmp/got`);
  await until(
    'lines come in',
    async () => (await host.run(['exec', 'reader', 'cat', '/tmp/got'])).stdout.length > 20,
  );
  await host.ok('update', '--egress', 'none', 'reader');
  await until('it is over', async () =>
    (await host.ok('exec', 'reader', 'cat', '/tmp/got')).endsWith('over'),
  );
  await host.ok('rm', '-f', 'reader');
});

test('a stopped container keeps its list, and takes another; restart begins with it', async () => {
  await host.limited('kept', '--egress', 'allow=good.test');
  await host.ok('restart', '-t', '0', 'kept');
  await host.giveIpv6('kept');
  assert.equal(await host.ask('kept', 'tcp', 'good.test', '80'), 'answered');
  assert.equal(await host.ask('kept', 'tcp', BAD6, '80'), 'ECONNREFUSED');
  await host.ok('stop', '-t', '0', 'kept');
  await host.ok('update', '--egress', `allow=${BAD}`, 'kept');
  await host.ok('start', 'kept');
  assert.equal(await host.ask('kept', 'tcp', BAD, '80'), 'answered');
  assert.equal(await host.ask('kept', 'tcp', 'good.test', '80'), NO_NAME);
  await host.ok('rm', '-f', 'kept');
});

test('a container made without a list gets one while it is stopped, and loses its raw sockets with it', async () => {
  await host.limited('late');
  assert.equal(await host.ask('late', 'packet'), 'opened');
  const refused = await host.run(['update', '--egress', 'none', 'late']);
  assert.equal(refused.code, 125);
  assert.match(
    refused.stderr,
    /^mydocker: --egress: late was started without a list[^\n]*; stop it[^\n]*\n$/,
  );
  assert.equal(await host.ask('late', 'tcp', BAD, '80'), 'answered');
  await host.ok('stop', '-t', '0', 'late');
  await host.ok('update', '--egress', 'none', 'late');
  await host.ok('start', 'late');
  assert.equal(await host.ask('late', 'packet'), 'EPERM');
  assert.equal(await host.ask('late', 'tcp', BAD, '80'), 'ECONNREFUSED');
  await host.ok('rm', '-f', 'late');
});

test('many updates at once leave one of their lists, whole', async () => {
  await host.limited('many', '--egress', 'none');
  const lists = [GOOD, BAD, 'good.test', 'bad.test', '*.below.test', '10.0.0.0/8'];
  await Promise.all(lists.map((entry) => host.ok('update', '--egress', `allow=${entry}`, 'many')));
  const [entry = ''] = JSON.parse(
    await host.ok('inspect', '-f', '{{json .HostConfig.Egress}}', 'many'),
  ) as string[];
  assert.ok(lists.includes(entry));
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'many');
  const file = readFileSync(`${host.root}/run/${id}/egress`, 'utf8');
  assert.match(file, /^#00000007\n/);
  await host.ok('update', '--egress', 'allow=good.test', 'many');
  assert.equal(await host.ask('many', 'tcp', 'good.test', '80'), 'answered');
  assert.equal(await host.ask('many', 'tcp', BAD, '80'), 'ECONNREFUSED');
  await host.ok('rm', '-f', 'many');
});

test('an update that fails leaves the list as it was; one that was killed half way is made good by the next', async () => {
  const id = await host.limited('half', '--egress', 'allow=good.test');
  const file = `${host.root}/run/${id}/egress`;
  const record = () => readFileSync(`${host.root}/containers/${id}/container.json`, 'utf8');
  const before = [readFileSync(file, 'utf8'), record()];
  for (const step of [1, 2, 3, 4]) {
    const env = { MYDOCKER_FAIL_STEP: String(step) };
    const { code, stderr } = await host.run(['update', '--egress', 'none', 'half'], { env });
    assert.equal(code, 125, stderr);
    assert.match(
      stderr,
      new RegExp(`^mydocker: cannot change what half may reach: step ${step}, [^\\n]*EIO[^\\n]*\\n$`),
    );
    assert.deepEqual([readFileSync(file, 'utf8'), record()], before);
  }
  assert.equal(await host.ask('half', 'tcp', 'good.test', '80'), 'answered');
  writeFileSync(file, '#00000002\nbad.test\n');
  await host.ok('update', '--egress', 'allow=bad.test', 'half');
  assert.equal(await host.ask('half', 'tcp', 'bad.test', '80'), 'answered');
  assert.equal(await host.ask('half', 'tcp', GOOD, '80'), 'ECONNREFUSED');
  // The filter itself is gone: somebody with the host's rights took it away.
  await host.within('half', 'nft', 'delete', 'table', 'inet', 'mydocker-egress');
  const now = [readFileSync(file, 'utf8'), record()];
  const { code, stderr } = await host.run(['update', '--egress', 'none', 'half']);
  assert.equal(code, 125, stderr);
  assert.match(
    stderr,
    /^mydocker: cannot change what half may reach: step 3, set the packet filter: ENOENT: [^\n]*\n$/,
  );
  assert.deepEqual([readFileSync(file, 'utf8'), record()], now);
  await host.ok('rm', '-f', 'half');
});

test('root in the container cannot take the filter away, go past it, or lie to the resolver', async () => {
  for (const seccomp of [[], ['--security-opt', 'seccomp=unconfined']]) {
    await host.limited('evil', ...seccomp, '--egress', 'allow=good.test');
    assert.equal(await host.ask('evil', 'nft'), 'EPERM');
    assert.equal(await host.ask('evil', 'packet'), 'EPERM');
    assert.equal(await host.ask('evil', 'rawip'), 'EPERM');
    const newnet = await host.ask('evil', 'newnet', GOOD, '80');
    assert.equal(newnet, seccomp.length === 0 ? 'EPERM' : 'ENETUNREACH');
    for (const name of ['good.test', 'bad.test']) {
      assert.equal(await host.ask('evil', 'forge', name, BAD), 'sent');
      assert.equal(await host.ask('evil', 'tcp', BAD, '80'), 'ECONNREFUSED', name);
    }
    assert.equal(await host.ask('evil', 'tcp', 'good.test', '80'), 'answered', 'the filter is still there');
    await host.ok('rm', '-f', 'evil');
  }
});

test('whoever shares a limited network is limited with it', async () => {
  await host.limited('owner', '--egress', 'allow=good.test');
  await host.ok(
    'run',
    '-d',
    '--name',
    'guest',
    '-v',
    `${host.client}:/client:ro`,
    '--network',
    'container:owner',
    'busybox',
    'sleep',
    '600',
  );
  assert.equal(await host.ask('guest', 'packet'), 'EPERM');
  assert.equal(await host.ask('guest', 'nft'), 'EPERM');
  assert.equal(await host.ask('guest', 'tcp', BAD, '80'), 'ECONNREFUSED');
  assert.equal(await host.ask('guest', 'tcp', 'good.test', '80'), 'answered');
  for (const flag of [['--cap-add', 'NET_ADMIN'], ['--privileged']]) {
    const { code, stderr } = await host.run([
      'run',
      '--rm',
      ...flag,
      '--network',
      'container:owner',
      'busybox',
      'true',
    ]);
    assert.equal(code, 125);
    assert.match(
      stderr,
      /^mydocker: --(cap-add CAP_NET_ADMIN|privileged): the network it shares is limited by the list of owner, [^\n]*; [^\n]*\n$/,
    );
  }
  await host.ok('rm', '-f', 'guest', 'owner');
});

test('whoever shared a network before it was limited is not started into it', async () => {
  await host.ok('run', '-d', '--name', 'owner', 'busybox', 'sleep', '600');
  await host.ok('create', '--name', 'guest', '--network', 'container:owner', 'busybox', 'true');
  await host.ok('stop', '-t', '0', 'owner');
  await host.ok('update', '--egress', 'none', 'owner');
  await host.ok('start', 'owner');
  const { code, stderr } = await host.run(['start', 'guest']);
  assert.equal(code, 1, stderr);
  assert.match(
    stderr,
    /^mydocker: cannot start guest: the network it shares is limited by the list of owner, and with CAP_NET_RAW it could get past that; make guest anew[^\n]*\n$/,
  );
  await host.ok('rm', '-f', 'guest', 'owner');
});
