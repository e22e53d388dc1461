/** Beside other software: Docker in the same network namespace, a FORWARD chain that drops, a flushed ruleset, names that are taken. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, test } from 'node:test';
import { keepsOut, works } from './beside.ts';
import { until } from './harness.ts';
import { ask, both, echo, HOST_IP, NetHost, OTHER_IP, Server, twice } from './network-host.ts';

const host = new NetHost();
const rules = async (): Promise<string> => (await host.inside('nft', 'list', 'ruleset')).stdout;
const must = async (file: string, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await host.inside(file, ...args);
  assert.equal(code, 0, `${file} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
};

test('info says which settings of the host were switched on, and by whom', async () => {
  const before = JSON.parse(await host.ok('info', '--format', 'json')) as Record<string, unknown>;
  assert.equal(before.Ipv4Forwarding, 'off');
  assert.deepEqual(before.RouteLocalnet, []);
  await host.ok('run', '--rm', '-p', '8080:80', 'busybox', 'true');
  const now = JSON.parse(await host.ok('info', '--format', 'json')) as Record<string, unknown>;
  assert.equal(now.Ipv4Forwarding, 'on (switched on by mydocker)');
  assert.equal(now.Ipv6Forwarding, 'off', 'no network needs it');
  assert.match(String(now.RouteLocalnet), /^md-[0-9a-f]{12} \(bridge\)$/);
});

test('where FORWARD of iptables drops, ours goes through, IPv6 too; when the network goes, so do its rules there', async () => {
  await host.ok('network', 'create', '--ipv6', 'early');
  await works(host, 'before', 'early', 8101);
  for (const tables of ['iptables', 'ip6tables']) await must(tables, '-P', 'FORWARD', 'DROP');
  await works(host, 'late', 'early', 8102);
  const six = await host.within('late', 'ping', '-6', '-c1', '-W5', '2001:db8::10');
  assert.equal(six.code, 0, six.stdout + six.stderr);
  // iptables itself can read what was added, once for the network however many start.
  const listed = await must('iptables', '-S', 'FORWARD');
  assert.equal(listed.match(/-i md-\w+ -j mydocker-md-/g)?.length, 1, listed);
  assert.equal(listed.match(/-o md-\w+ -j mydocker-md-/g)?.length, 1, listed);
  await must('iptables', '-A', 'FORWARD', '-s', '192.0.2.1/32', '-j', 'ACCEPT');
  await host.ok('rm', '-f', 'before', 'late');
  await host.ok('network', 'rm', 'early');
  for (const tables of ['iptables', 'ip6tables'])
    assert.ok(!(await must(tables, '-S')).includes('mydocker'), `nothing of ours is left in ${tables}`);
  assert.ok((await must('iptables', '-S')).includes('192.0.2.1'), 'others’ rules stay');
  for (const tables of ['iptables', 'ip6tables']) {
    await must(tables, '-F');
    await must(tables, '-P', 'FORWARD', 'ACCEPT');
  }
});

/** ufw(8) with settings of its own: nobody else sees that mount namespace. */
const UFW = `
set -e
mount -t tmpfs none /mnt
for at in /etc/ufw /etc/default; do mkdir -p /mnt$at; cp -a $at/. /mnt$at; mount --bind /mnt$at $at; done
ufw --force enable >&2
ufw status verbose
`;

test('beside ufw, which lets nothing in and nothing through: the way out and a published port stay', async () => {
  const status = await must('unshare', '--mount', 'sh', '-c', UFW);
  assert.match(status, /Status: active[\s\S]*deny \(incoming\), allow \(outgoing\)/);
  assert.match(await must('iptables', '-S', 'FORWARD'), /-P FORWARD DROP/);
  await keepsOut(host, 'ufw');
  await works(host, 'fenced', 'bridge', 8104);
  await host.ok('rm', '-f', 'fenced');
  await must('nft', 'flush', 'ruleset');
});

/** What firewalld from 2.1 on does: a table that the kernel keeps for the process that made it, while that lives. */
const OWNED = `
add table inet firewalld { flags owner; }
add chain inet firewalld filter_FORWARD { type filter hook forward priority filter + 10; }
`;

test('a table of firewalld that nobody else may change: containers start, and their network goes', async () => {
  const owner = spawn('nsenter', [`--net=${host.namespace}`, 'nft', '-i'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => owner.once('exit', () => resolve()));
  owner.stdin.write(OWNED);
  await until('it is there', async () => (await rules()).includes('chain filter_FORWARD'));
  const refused = await host.inside('nft', 'add', 'chain', 'inet', 'firewalld', 'other');
  assert.match(refused.stderr, /Operation not permitted/);
  await host.ok('network', 'create', 'owned');
  await host.ok('run', '--rm', '--network', 'owned', 'busybox', 'true');
  await host.ok('network', 'rm', 'owned');
  owner.stdin.end();
  await ended;
});

test('after nft flush ruleset the next start, or network reload, restores the rules of running containers', async () => {
  await works(host, 'kept', 'bridge', 8103);
  for (const how of ['start', 'reload'] as const) {
    await must('nft', 'flush', 'ruleset');
    assert.equal(await rules(), '');
    if (how === 'start') await host.ok('run', '--rm', 'busybox', 'true');
    else await host.ok('network', 'reload');
    assert.deepEqual(await ask(host.other, both(8103, HOST_IP), 5), twice(OTHER_IP), how);
    assert.ok((await rules()).includes('masquerade'));
  }
  await host.ok('rm', '-f', 'kept');
  assert.ok(!(await rules()).includes('8103'), 'its elements go with it');
});

test('a flushed ruleset is restored for every network, also by the first start in a new one', async () => {
  await host.ok('network', 'create', 'newer');
  await must('nft', 'flush', 'ruleset');
  await works(host, 'first', 'newer', 8106);
  await works(host, 'second', 'bridge', 8107);
  await must('nft', 'flush', 'ruleset');
  await host.ok('network', 'create', 'newest');
  await host.ok('network', 'connect', 'newest', 'first');
  await works(host, 'third', 'bridge', 8108);
  assert.deepEqual(await ask(host.other, both(8107, HOST_IP), 5), twice(OTHER_IP), 'published before');
  await host.ok('rm', '-f', 'first', 'second', 'third');
  await host.ok('network', 'rm', 'newer', 'newest');
});

test('a table or an interface of our name that we did not make is left alone', async () => {
  const table = /table inet (mydocker\w*)/.exec(await rules())?.[1] ?? '';
  await must('nft', 'delete', 'table', 'inet', table);
  await must('nft', 'add', 'table', 'inet', table);
  assert.match(
    await host.fails(125, 'run', '--rm', 'busybox', 'true'),
    /there is an nftables table of that name that mydocker did not make/,
  );
  assert.equal(
    (await must('nft', 'list', 'table', 'inet', table)).replace(/\s+/g, ' '),
    `table inet ${table} { }`,
  );
  await must('nft', 'delete', 'table', 'inet', table);
  const bridge = /\b(md-[0-9a-f]{12}):/.exec(await must('ip', '-o', 'link'))?.[1] ?? '';
  await must('ip', 'link', 'del', bridge);
  await must('ip', 'link', 'add', bridge, 'type', 'bridge');
  const before = await must('ip', '-o', 'link', 'show', bridge);
  assert.match(
    await host.fails(125, 'run', '--rm', 'busybox', 'true'),
    /there is an interface of that name that mydocker did not make/,
  );
  assert.equal(await must('ip', '-o', 'link', 'show', bridge), before);
  await must('ip', 'link', 'del', bridge);
  await host.ok('run', '--rm', 'busybox', 'true');
});

test('Docker’s daemon in the same network namespace, at the same time: its containers work, and ours', async () => {
  const base = `${host.root}-docker`;
  const socket = `unix://${base}/docker.sock`;
  const args = [
    ['--data-root', `${base}/data`, '--exec-root', `${base}/exec`, '--pidfile', `${base}/pid`, '-H', socket],
    [
      '--storage-driver',
      'vfs',
      '--bip',
      '172.31.9.1/24',
      '--iptables=true',
      '--exec-opt',
      'native.cgroupdriver=cgroupfs',
    ],
  ].flat();
  await works(host, 'earlier', 'bridge', 8104);
  const daemon = new Server(host.namespace, 'dockerd', args);
  after(async () => {
    await daemon.stop('SIGTERM');
    await host.inside('sh', '-c', `umount -R ${base}/* 2>/dev/null; rm -rf ${base}`);
  });
  const docker = (...words: string[]) => host.inside('docker', '-H', socket, ...words);
  await until('Docker’s daemon answers', async () => (await docker('info')).code === 0, 90_000).catch(() =>
    assert.fail(daemon.output.slice(-2000)),
  );
  const tar = `${base}/busybox.tar`;
  await host.ok('save', '-o', tar, 'busybox');
  const loaded = await docker('load', '-i', tar);
  assert.equal(loaded.code, 0, loaded.stderr);
  // As where Docker switched forwarding on itself.
  await must('iptables', '-P', 'FORWARD', 'DROP');
  const started = await docker('run', '-d', '--name', 'theirs', '-p', '8200:80', 'busybox', 'sleep', '600');
  assert.equal(started.code, 0, started.stderr);
  const pid = (await docker('inspect', '-f', '{{.State.Pid}}', 'theirs')).stdout.trim();
  await echo(`/proc/${pid}/ns/net`, '::', 80);
  const server = await echo(host.other, OTHER_IP, 7002);
  const theirs = async (when: string): Promise<void> => {
    assert.deepEqual(
      await ask(`/proc/${pid}/ns/net`, both(7002, OTHER_IP), 5),
      twice(HOST_IP),
      `${when}: Docker’s way out`,
    );
    assert.deepEqual(
      await ask(host.other, [['tcp', HOST_IP, 8200]], 5),
      [OTHER_IP],
      `${when}: Docker’s port`,
    );
  };
  await theirs('before');
  await works(host, 'later', 'bridge', 8105);
  await theirs('after');
  // What ran before Docker came goes on: the next start let its bridge through as well.
  assert.deepEqual(await ask(host.other, both(8104, HOST_IP), 5), twice(OTHER_IP));
  assert.match(
    await host.fails(125, 'run', '--rm', '-p', '8200:80', 'busybox', 'true'),
    /taken by the process docker-proxy/,
  );
  const taken = await docker('run', '--rm', '-p', '8105:80', 'busybox', 'true');
  assert.notEqual(taken.code, 0);
  await host.ok('rm', '-f', 'earlier', 'later');
  await theirs('at the end');
  await server.stop();
  await docker('rm', '-f', 'theirs');
});
