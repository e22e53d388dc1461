/** What a program in a container sees: its files, devices, namespaces, and nothing of the host's. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { Host, leftovers, until } from './harness.ts';

const host = new Host();
const sh = (script: string, ...options: string[]) =>
  host.ok('run', '--rm', ...options, 'busybox', 'sh', '-c', script);

test('every namespace is the container’s own', async () => {
  const names = ['mnt', 'pid', 'uts', 'ipc', 'net', 'cgroup'];
  const seen = (await sh(`for n in ${names.join(' ')}; do readlink /proc/self/ns/$n; done`)).split('\n');
  for (const [n, name] of names.entries()) {
    assert.match(seen[n] ?? '', new RegExp(`^${name}:\\[\\d+\\]$`));
    assert.notEqual(seen[n], readlinkSync(`/proc/self/ns/${name}`), name);
  }
});

test('the program is process 1 and sees only the container’s processes', async () => {
  const seen = await sh('echo $$; ps -o pid,comm | tail -n +2 | wc -l; ls -d /proc/[0-9]* | wc -l');
  const [pid, ...counts] = seen.split('\n').map(Number);
  assert.equal(pid, 1);
  for (const count of counts) assert.ok(count <= 4, seen);
});

test('/proc is the container’s; what could harm the host is read-only or masked', async () => {
  const script = [
    'echo 1 > /proc/sys/kernel/panic || echo no',
    'echo c > /proc/sysrq-trigger || echo no',
    'cat /proc/kcore 2>/dev/null | wc -c',
    'cat /proc/keys 2>/dev/null | wc -c',
    'cat /proc/timer_list 2>/dev/null | wc -c',
    'ls /proc/acpi /sys/firmware 2>/dev/null | grep -v : | grep -c .',
  ].join('; ');
  const result = await host.run(['run', '--rm', 'busybox', 'sh', '-c', script]);
  assert.equal(result.stdout, 'no\nno\n0\n0\n0\n0\n');
});

test('/sys is read-only', async () => {
  assert.match(
    await sh(
      'grep " /sys sysfs" /proc/mounts; mkdir /sys/x 2>/dev/null || echo no; touch /sys/kernel/x 2>/dev/null || echo no',
    ),
    / ro,.*\nno\nno$/,
  );
});

test('/dev: the devices, links and file systems of Docker, and no other', async () => {
  const script =
    'cd /dev; for d in null zero full random urandom tty; do stat -c "%n %t:%T %a %F" $d; done; for l in ptmx fd stdin stdout stderr; do echo $l $(readlink $l); done; ls';
  const lines = (await sh(script)).split('\n');
  const devices = { null: '1:3', zero: '1:5', full: '1:7', random: '1:8', urandom: '1:9', tty: '5:0' };
  assert.deepEqual(
    lines.slice(0, 6),
    Object.entries(devices).map(([name, number]) => `${name} ${number} 666 character special file`),
  );
  assert.deepEqual(lines.slice(6, 11), [
    'ptmx pts/ptmx',
    'fd /proc/self/fd',
    'stdin /proc/self/fd/0',
    'stdout /proc/self/fd/1',
    'stderr /proc/self/fd/2',
  ]);
  const allowed = [
    'core',
    'fd',
    'full',
    'mqueue',
    'null',
    'ptmx',
    'pts',
    'random',
    'shm',
    'stderr',
    'stdin',
    'stdout',
    'tty',
    'urandom',
    'zero',
  ];
  assert.deepEqual(lines.slice(11), allowed);
});

test('the devices work', async () => {
  assert.equal(
    await sh(
      'echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 8 /dev/urandom | wc -c; echo x > /dev/full 2>/dev/null || echo full; echo out > /dev/stdout; echo <&0 a | cat /dev/fd/0',
    ),
    '4\n8\nfull\nout\na',
  );
  assert.equal(
    await sh(
      'touch /dev/shm/a && ls /dev/shm; stat -c %a /dev/shm; grep -c " /dev/mqueue mqueue" /proc/mounts; grep " /dev/pts " /proc/mounts | grep -c newinstance\\\\\\|ptmxmode=666',
    ),
    'a\n1777\n1\n1',
  );
});

test('a device node of the host cannot be opened, even when it is made', async () => {
  const result = await host.run([
    'run',
    '--rm',
    'busybox',
    'sh',
    '-c',
    'mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk; mknod /tmp/mem c 1 1 && head -c 1 /tmp/mem',
  ]);
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /disk: Operation not permitted/);
  assert.match(result.stderr, /mem: Operation not permitted/);
});

test('/etc/hosts, hostname and resolv.conf are the engine’s, per container', async () => {
  const names = await sh(
    'cat /etc/hostname; hostname; grep -c "^127.0.0.1.localhost" /etc/hosts; grep -c nest /etc/hosts',
    '--hostname',
    'nest',
  );
  assert.equal(names, 'nest\nnest\n1\n1');
  const own = readFileSync('/etc/resolv.conf', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('nameserver') && !/127\.|::1$/.test(line));
  const seen = await sh('cat /etc/resolv.conf');
  for (const line of own) assert.ok(seen.includes(line));
});

test('the files of the names lie where inspect says, and are what the container sees', async () => {
  const seen = async (name: string, inside: string): Promise<string> => {
    const path = await host.ok('inspect', '-f', `{{.${inside}}}`, name);
    const file = { HostsPath: 'hosts', HostnamePath: 'hostname', ResolvConfPath: 'resolv.conf' }[inside];
    assert.equal(readFileSync(path, 'utf8').trim(), await host.ok('exec', name, 'cat', `/etc/${file}`));
    return path;
  };
  const sleeps = ['--network', 'none', 'busybox', 'sleep', '1000'];
  await host.ok('run', '-d', '--rm', '--name', 'once', '--add-host', 'far:10.1.2.3', ...sleeps);
  await host.ok('run', '-d', '--name', 'often', ...sleeps);
  await host.ok('create', '--rm', '--name', 'later', ...sleeps);
  writeFileSync(`${host.root}/asked`, '10.9.9.9 asked\n');
  await host.ok('cp', `${host.root}/asked`, 'later:/etc/hosts');
  await host.ok('start', 'later');
  for (const name of ['once', 'often', 'later'])
    for (const inside of ['HostsPath', 'HostnamePath', 'ResolvConfPath']) await seen(name, inside);
  assert.match(await host.ok('exec', 'once', 'cat', '/etc/hosts'), /10\.1\.2\.3\tfar/);
  assert.equal(await host.ok('exec', 'later', 'cat', '/etc/hosts'), '10.9.9.9 asked', 'what cp wrote before');
  const beside = await host.ok('run', '--rm', '--network', 'container:once', 'busybox', 'cat', '/etc/hosts');
  assert.match(beside, /10\.1\.2\.3\tfar/);
  const path = await seen('once', 'HostsPath');
  await host.ok('rm', '-f', 'once', 'often', 'later');
  assert.equal(existsSync(path), false);
});

test('one mount point serves all at once, and is empty for the host', async () => {
  const names = ['one', 'two', 'three'];
  await Promise.all(
    names.map((name) =>
      host.ok(
        'run',
        '-d',
        '--name',
        name,
        '--network',
        'none',
        'busybox',
        'sh',
        '-c',
        `echo ${name} >/own; sleep 1000`,
      ),
    ),
  );
  for (const name of names) {
    await until(
      `${name} has written`,
      async () => (await host.run(['exec', name, 'cat', '/own'])).stdout !== '',
    );
    assert.equal(await host.ok('exec', name, 'cat', '/own'), name);
  }
  assert.deepEqual(readdirSync(`${host.root}/rootfs`), []);
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(`${host.root}/rootfs`));
  await host.ok('rm', '-f', ...names);
});

test('loopback is up', async () => {
  assert.match(await sh('ip addr show lo'), /<LOOPBACK,UP.*127\.0\.0\.1\/8/s);
  // Input that stays open: nc ends when the other end says that it has no more.
  const call = 'mkfifo /open; exec 3<>/open; until nc 127.0.0.1 7000 <&3; do :; done';
  assert.equal(await sh(`(echo ping | nc -l -p 7000 &); ${call}`), 'ping');
  assert.match(await sh('ping -c 1 -W 1 127.0.0.1'), /1 packets received/);
});

test('there is no other network than loopback', async () => {
  assert.equal(
    await sh(
      'ls /sys/class/net | grep -v ^lo$ | grep -v -E "^(tunl0|sit0|gre0|ip6.*|erspan0|gretap0|ip_vti0|bonding_masters|dummy0)$" | wc -l',
    ),
    '0',
  );
});

test('the root is /; nothing of the host is above it', async () => {
  assert.equal(await sh('cd ..; cd ../../..; pwd'), '/');
  const seen = (await sh('ls -A /')).split('\n').filter((name) => name !== 'linuxrc');
  assert.deepEqual(seen, ['bin', 'dev', 'etc', 'home', 'proc', 'root', 'sbin', 'sys', 'tmp', 'usr', 'var']);
  assert.match(await sh('head -1 /proc/self/mountinfo; grep -c " / / " /proc/self/mountinfo'), /\n1$/);
});

test('no descriptor of the engine or of the caller is open in the program', async () => {
  for (const options of [[], ['--init'], ['-i']]) {
    // 3 is the directory that ls itself reads.
    assert.equal(
      await host.ok('run', '--rm', ...options, 'busybox', 'ls', '/proc/self/fd'),
      '0\n1\n2\n3',
      options.join(),
    );
  }
  const id = await host.ok('run', '-d', 'busybox', 'sleep', '1000');
  assert.equal(await host.ok('exec', id, 'ls', '/proc/1/fd'), '0\n1\n2');
  assert.equal(await host.ok('exec', id, 'ls', '/proc/self/fd'), '0\n1\n2\n3');
  await host.ok('rm', '-f', id);
});

test('the default image: PATH, every applet, users, /tmp for everybody', async () => {
  assert.equal(
    await sh('echo $PATH; stat -c %a /tmp; id -un; wc -l < /etc/passwd | grep -vc "^0$"; ls /bin/busybox'),
    '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n1777\nroot\n1\n/bin/busybox',
  );
  const applets = await sh('busybox --list | while read a; do command -v "$a" > /dev/null || echo $a; done');
  assert.equal(applets, '', 'all of them can be called');
});

test('many containers share one image and do not see each other’s writes; the host sees no mount', async () => {
  const list = [1, 2, 3, 4, 5, 6];
  const ids = await Promise.all(
    list.map((n) =>
      host.ok('run', '-d', 'busybox', 'sh', '-c', `rm -f /etc/group; echo ${n} > /mine; sleep 1000`),
    ),
  );
  for (const [n, id] of ids.entries()) {
    const mine = async () => (await host.run(['exec', id, 'cat', '/mine'])).stdout;
    await until('it has written', async () => (await mine()) !== '');
    assert.equal(await mine(), `${n + 1}\n`);
  }
  assert.equal(
    await sh('grep -c root /etc/group; [ -e /mine ] || echo none').then((text) => text.split('\n').at(-1)),
    'none',
  );
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  assert.deepEqual(
    mounts.filter((line) => line.includes(host.root)),
    [],
  );
  assert.equal(
    readdirSync(`${host.root}/layers`).filter((name) => /^[0-9a-f]{64}$/.test(name)).length,
    1,
    'one layer for all',
  );
  await host.ok('rm', '-f', ...ids);
});

test('a mount made in a container is not seen on the host, and is gone with it', async () => {
  await sh('touch /tmp/x; mount -t tmpfs mydocker-leak /tmp 2>/dev/null; true');
  assert.doesNotMatch(readFileSync('/proc/self/mountinfo', 'utf8'), /mydocker-leak/);
  assert.deepEqual(leftovers(host.root), []);
});
