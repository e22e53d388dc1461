/** Ports of the host: held against other programs, refused where they are taken, free again at once; bad ones. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { until } from './harness.ts';
import {
  ask,
  both,
  echo,
  HOST_IP,
  HOST_IP6,
  NetHost,
  OTHER_IP,
  PYTHON,
  type Target,
  twice,
} from './network-host.ts';

const host = new NetHost();
const blue = { gateway: '' };

before(async () => {
  Object.assign(blue, await host.network('blue', { ipv6: true }));
  const ports = [
    '-p',
    '8080:7000',
    '-p',
    '8080:7000/udp',
    '-p',
    '127.0.0.1:8081:7000',
    '-p',
    '127.0.0.1:8081:7000/udp',
  ];
  await host.nest('web', '--network', 'blue', ...ports);
});

/** Binds "protocol,address,port" of each argument: "free", or the error's number. */
const BIND = `
import socket, sys
for word in sys.argv[1:]:
    protocol, ip, port = word.split(',')
    kind = socket.SOCK_DGRAM if protocol == 'udp' else socket.SOCK_STREAM
    s = socket.socket(socket.AF_INET6 if ':' in ip else socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        s.bind((ip, int(port)))
        if protocol == 'tcp': s.listen()
        print('free')
    except OSError as e:
        print(e.errno)
    s.close()
`;
const EADDRINUSE = '98';

async function bind(...targets: readonly Target[]): Promise<string[]> {
  const words = targets.map((target) => target.join(','));
  const { code, stdout, stderr } = await host.inside(PYTHON, '-c', BIND, ...words);
  assert.equal(code, 0, stderr);
  return stdout.trimEnd().split('\n');
}

test('a published port is held: no other program gets it, whatever it asks of the kernel', async () => {
  const taken = both(8080, '0.0.0.0', '127.0.0.1', HOST_IP, '::', '::1');
  assert.deepEqual(
    await bind(...taken),
    taken.map(() => EADDRINUSE),
  );
  const one = both(8081, '127.0.0.1', '0.0.0.0');
  assert.deepEqual(
    await bind(...one),
    one.map(() => EADDRINUSE),
  );
  assert.deepEqual(await bind(...both(8081, HOST_IP), ...both(8084, '0.0.0.0')), [
    'free',
    'free',
    'free',
    'free',
  ]);
});

test('a port that another program or container has is refused, and by whom is said', async () => {
  const there = await echo(host.namespace, '0.0.0.0', 8090, '127.0.0.1', 8091);
  for (const port of ['8090:80', '8090:80/udp', '127.0.0.1:8090:80', '8091:80', '8088-8091:80-83']) {
    const text = await host.fails(125, 'run', '-d', '--name', 'late', '-p', port, 'busybox', 'sleep', '600');
    assert.match(text, /the port \S+ of the host is taken by the process python3\S* \(pid \d+\)/, port);
  }
  await there.stop();
  for (const port of [
    '8080:80',
    '127.0.0.1:8080:80',
    `[${HOST_IP6}]:8080:80`,
    '8079-8081:80-82',
    '8081:80',
  ]) {
    const text = await host.fails(
      125,
      'run',
      '-d',
      '--network',
      'blue',
      '-p',
      port,
      'busybox',
      'sleep',
      '600',
    );
    assert.match(text, /the port \S+ of the host is taken by the container web; /, port);
  }
  assert.equal(await host.ok('ps', '-a', '--format', '{{.Names}}'), 'web', 'nothing was made');
  assert.deepEqual(await bind(...both(8079, '0.0.0.0')), ['free', 'free']);
});

test('of several that start with one port at once, one gets it', async () => {
  const names = ['r0', 'r1', 'r2', 'r3', 'r4', 'r5'];
  const results = await Promise.all(
    names.map((name) => host.run(['run', '-d', '--name', name, '-p', '8095:80', 'busybox', 'sleep', '600'])),
  );
  assert.equal(
    results.filter(({ code }) => code === 0).length,
    1,
    results.map(({ stderr }) => stderr).join(''),
  );
  for (const { code, stderr } of results)
    if (code !== 0) assert.match(stderr, /8095\/tcp of the host is taken by the container r\d/);
  const [winner = ''] = (await host.ok('ps', '--filter', 'name=r', '--format', '{{.Names}}')).split('\n');
  await host.ok('rm', '-f', winner);
  assert.deepEqual(await bind(['tcp', '0.0.0.0', 8095]), ['free']);
});

test('an address and a port are free again at once after stop and rm, also of a killed monitor', async () => {
  for (const how of ['rm', 'stop', 'kill'] as const) {
    const nest = await host.nest('again', '--network', 'blue', '-p', '8096:7000', '-p', '8096:7000/udp');
    assert.deepEqual(await ask(host.other, both(8096, HOST_IP)), twice(OTHER_IP), how);
    if (how === 'kill')
      process.kill(Number(await host.ok('inspect', '-f', '{{.State.Pid}}', 'again')), 'SIGKILL');
    else if (how === 'stop') await host.ok('stop', '-t', '0', 'again');
    if (how === 'kill') await host.ok('wait', 'again');
    if (how !== 'rm') {
      assert.deepEqual(await bind(...both(8096, '0.0.0.0')), ['free', 'free'], how);
      assert.deepEqual(await ask(host.other, both(8096, HOST_IP)), twice('refused'), how);
    }
    await host.ok('rm', '-f', 'again');
    const next = await host.nest('again', '--network', 'blue', '-p', '8096:7000');
    assert.deepEqual([next.ip, next.ip6], [nest.ip, nest.ip6], 'the same address');
    assert.deepEqual(await ask(host.other, [['tcp', HOST_IP, 8096]]), [OTHER_IP], how);
    await host.ok('rm', '-f', 'again');
  }
});

test('a stopped container keeps its addresses: a fixed one, and one it was given', async () => {
  const fixed = blue.gateway.replace(/\.1$/, '.77');
  await host.ok(
    'run',
    '-d',
    '--name',
    'fixed',
    '--network',
    'blue',
    '--ip',
    fixed,
    'busybox',
    'sleep',
    '600',
  );
  await host.ok('run', '-d', '--name', 'given', '--network', 'blue', 'busybox', 'sleep', '600');
  const ips = () => Promise.all(['fixed', 'given'].map((name) => host.ok('exec', name, 'hostname', '-i')));
  const at = await ips();
  assert.ok(at[0]?.includes(fixed), at.join());
  await host.ok('stop', '-t', '0', 'fixed', 'given');
  await host.ok('run', '-d', '--name', 'new', '--network', 'blue', 'busybox', 'sleep', '600');
  await host.ok('start', 'fixed', 'given');
  await host.ok('restart', '-t', '0', 'fixed');
  assert.deepEqual(await ips(), at);
  assert.ok(!at.join().includes(await host.ok('exec', 'new', 'hostname', '-i')));
  await host.ok('rm', '-f', 'fixed', 'given', 'new');
});

test('MYDOCKER_PUBLISH_IP is where ports are published that name no address', async () => {
  const env = { MYDOCKER_PUBLISH_IP: '127.0.0.1' };
  const { code, stderr } = await host.run(
    ['run', '-d', '--name', 'shy', '-p', '8097:7000', 'busybox', 'sleep', '600'],
    {
      env,
    },
  );
  assert.equal(code, 0, stderr);
  await echo(await host.namespaceOf('shy'), '::', 7000);
  assert.deepEqual(await ask(host.other, [['tcp', HOST_IP, 8097]]), ['refused']);
  const gateway = await host.ok('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', 'bridge');
  assert.equal((await ask(host.namespace, [['tcp', '127.0.0.1', 8097]]))[0], gateway);
  await host.ok('rm', '-f', 'shy');
  const bad = await host.run(['run', '--rm', '-p', '8097:80', 'busybox', 'true'], {
    env: { MYDOCKER_PUBLISH_IP: 'here' },
  });
  assert.equal(bad.code, 125);
  assert.match(
    bad.stderr,
    /^mydocker: the address to publish ports on, "here", is none; set MYDOCKER_PUBLISH_IP/,
  );
});

test('a range of a thousand ports', async () => {
  await host.ok('run', '-d', '--name', 'wide', '-p', '20000-20999:20000-20999', 'busybox', 'sleep', '600');
  await echo(await host.namespaceOf('wide'), '::', 20_000, '::', 20_999);
  const targets = [20_000, 20_999].map((port): Target => ['tcp', HOST_IP, port]);
  assert.deepEqual(await ask(host.other, targets), [OTHER_IP, OTHER_IP]);
  await host.ok('rm', '-f', 'wide');
  await until('its ports are free', async () => (await bind(['tcp', '0.0.0.0', 20_500]))[0] === 'free');
});

test('ports that cannot be: one sentence each, exit code 125, nothing made', async () => {
  const bad: ReadonlyArray<readonly [port: string, why: RegExp]> = [
    ['80:99999', /a port is a number from 1 to 65535/],
    ['0:80:80:80', /brackets/],
    ['8000-8001:80', /the ranges differ in size: 2 and 1 ports/],
    ['80-70:80-70', /ends before it begins/],
    ['x:80', /"x" is no port/],
    ['80:80/icmp', /neither tcp nor udp/],
    ['300.0.0.1:80:80', /no IP address/],
    ['20000-24999:20000-24999', /one container holds 4096 ports of the host at most/],
    ['203.0.113.9:8098:80', /this host has no such address/],
    ['[::1]:8098:80', /::1 cannot lead to a container/],
    ['[2001:db8::2]:8098:80', /the network bridge has no IPv6 addresses/],
  ];
  for (const [port, why] of bad)
    assert.match(await host.fails(125, 'run', '-p', port, 'busybox', 'true'), why, port);
  const twice = ['run', '-p', '8098:80', '-p', '127.0.0.1:8098:81', 'busybox', 'true'];
  assert.match(await host.fails(125, ...twice), /-p gives the port 127\.0\.0\.1:8098\/tcp of the host twice/);
  await host.network('inner', { internal: true });
  const inner = ['run', '--network', 'inner', '-p', '8098:80', 'busybox', 'true'];
  assert.match(await host.fails(125, ...inner), /-p has no effect: the network inner is internal/);
  for (const network of ['none', 'host'])
    assert.match(
      await host.fails(125, 'run', '--network', network, '-p', '80', 'busybox', 'true'),
      /-p has no effect with/,
    );
  assert.equal(await host.ok('ps', '-a', '--format', '{{.Names}}'), 'web');
});
