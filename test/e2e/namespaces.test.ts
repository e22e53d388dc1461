/** Namespaces of others, users of its own, and what the kernel sets for a process. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host, until } from './harness.ts';
import { refused, refusedRun } from './refused.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
const run = (flags: readonly string[], ...words: string[]) =>
  host.ok('run', '--rm', ...flags, 'busybox', ...words);
const shell = (script: string, ...flags: string[]) => run(flags, 'sh', '-c', script);
const own = (type: string): string => readlinkSync(`/proc/self/ns/${type}`);
const inside = (type: string, ...flags: string[]) => run(flags, 'readlink', `/proc/self/ns/${type}`);

/** Mine and the tests' own lack it on some hosts. */
const status = readFileSync('/proc/self/status', 'utf8');
const has = (bit: number): boolean =>
  ((BigInt(`0x${/CapEff:\s*(\w+)/.exec(status)?.[1]}`) >> BigInt(bit)) & 1n) === 1n;
const mayRaise = has(24);

test('host: the namespace is the caller’s; private and nothing: its own', async () => {
  const flags = { pid: '--pid', ipc: '--ipc', uts: '--uts', cgroup: '--cgroupns' };
  for (const [type, flag] of Object.entries(flags)) {
    assert.equal(await inside(type, flag, 'host'), own(type), `${flag} host`);
    for (const mine of [[], [flag, 'private']]) assert.notEqual(await inside(type, ...mine), own(type), flag);
  }
  assert.notEqual(await inside('ipc', '--ipc', 'shareable'), own('ipc'));
  assert.equal(
    await run(['--uts', 'host'], 'hostname'),
    readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(),
  );
  assert.match(await shell('ls /proc', '--pid', 'host'), new RegExp(`^${process.pid}$`, 'm'));
  assert.match(await run(['--cgroupns', 'host'], 'cat', '/proc/self/cgroup'), /:\/mydocker\/[0-9a-f]{64}$/m);
  assert.doesNotMatch(await run([], 'cat', '/proc/self/cgroup'), /mydocker/);
  // With the host's processes in sight its own are still those that stop and rm end, and no others.
  await host.ok(
    'run',
    '-d',
    '--name',
    'among',
    '--pid',
    'host',
    'busybox',
    'sh',
    '-c',
    'sleep 1234567 & wait',
  );
  const sleeper = () => host.ok('exec', 'among', 'sh', '-c', 'ps -o args | grep -c "^sleep 1234567"');
  await until('both run', async () => (await sleeper()) === '1');
  await host.ok('rm', '-f', 'among');
  assert.equal(
    await shell('ps -o args | grep -c "^sleep 1234567" || true', '--pid', 'host'),
    '0',
    'the child went too',
  );
});

test('container:X: processes, messages and shared memory, host name and cgroups of another', async () => {
  await host.ok('run', '-d', '--name', 'first', '--hostname', 'firstbox', 'busybox', 'sleep', '1000');
  const theirs = (type: string) => host.ok('exec', 'first', 'readlink', `/proc/self/ns/${type}`);
  for (const [type, flag] of Object.entries({
    pid: '--pid',
    ipc: '--ipc',
    uts: '--uts',
    cgroup: '--cgroupns',
  }))
    assert.equal(await inside(type, flag, 'container:first'), await theirs(type), flag);
  assert.equal(await run(['--uts', 'container:first'], 'hostname'), 'firstbox');
  await host.ok('exec', 'first', 'sh', '-c', 'echo shared >/dev/shm/f');
  assert.equal(await shell('cat /dev/shm/f; echo back >/dev/shm/g', '--ipc', 'container:first'), 'shared');
  assert.equal(await host.ok('exec', 'first', 'cat', '/dev/shm/g'), 'back');
  // A process of the second sees and can end one of the first; exec of the second lands in both.
  await host.ok('run', '-d', '--name', 'second', '--pid', 'container:first', 'busybox', 'sleep', '2000');
  const list = await host.ok('exec', 'second', 'ps', '-o', 'args');
  assert.ok(/sleep 1000/.test(list) && /sleep 2000/.test(list), list);
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'first');
  assert.equal(await host.ok('inspect', '-f', '{{.HostConfig.PidMode}}', 'second'), `container:${id}`);
  assert.match(await host.fails(1, 'rm', 'first'), /running/);
  // Process 1 of the namespace ends: the kernel kills the others with it, and they are shown as ended.
  await host.ok('rm', '-f', 'first');
  await until(
    'the second has ended',
    async () => (await host.ok('inspect', '-f', '{{.State.Running}}', 'second')) === 'false',
  );
  assert.match(
    await host.fails(1, 'start', 'second'),
    /cannot start second: the container .* whose namespace it shares, is no more; make second anew/,
  );
  await host.ok('rm', 'second');
});

test('container:X of one that does not run, or is not there, is refused; once it runs again, it works', async () => {
  await host.ok('create', '--name', 'idle', 'busybox', 'sleep', '1000');
  await refused(
    host,
    1,
    ['run', '--rm', '--ipc', 'container:idle', 'busybox', 'true'],
    /whose namespace it shares, does not run; start it first: mydocker start idle/,
  );
  for (const flag of ['--pid', '--ipc', '--uts', '--cgroupns'])
    await refused(
      host,
      1,
      ['run', '--rm', flag, 'container:nosuch', 'busybox', 'true'],
      /no such container: nosuch/,
    );
  await host.ok('start', 'idle');
  assert.equal(await run(['--ipc', 'container:idle'], 'echo', 'fine'), 'fine');
  await host.ok('rm', '-f', 'idle');
  for (const flag of ['--pid', '--ipc', '--uts', '--cgroupns'])
    for (const word of ['other', 'container:', 'container:a/b', 'ns:/proc/1/ns/pid'])
      await refusedRun(host, [flag, word], new RegExp(`${flag} "${word}" is no namespace`));
  await refusedRun(
    host,
    ['--uts', 'host', '--hostname', 'me'],
    /--hostname: the uts namespace is not its own/,
  );
  await refusedRun(host, ['--uts', 'host', '--domainname', 'me'], /the uts namespace is not its own/);
});

const MAP = '0:300000:65536';

test('--userns auto: root inside is nobody on the host, no two containers share a number, files keep theirs', async () => {
  const show =
    'id -u; cat /proc/self/uid_map; cat /proc/self/gid_map; touch /mine; stat -c %u:%g /mine /etc/passwd /';
  const [uid, map = '', gmap = '', ...owners] = (await shell(show, '--userns', 'auto')).split('\n');
  assert.equal(uid, '0');
  const [, base = '', size] = map.trim().split(/\s+/);
  assert.ok(Number(base) >= 524_288, map);
  assert.equal(size, '65536');
  assert.equal(gmap, map);
  assert.deepEqual(owners, ['0:0', '0:0', '0:0']);
  const names = ['one', 'two', 'three'];
  for (const name of names)
    await host.ok('run', '-d', '--name', name, '--userns', 'auto', 'busybox', 'sleep', '1000');
  const bases = new Set<number>();
  for (const name of names) {
    const pid = await host.ok('inspect', '-f', '{{.State.Pid}}', name);
    const real = statSync(`/proc/${pid}`).uid;
    assert.ok(real >= 524_288, `${real}`);
    bases.add(real);
    assert.equal(await host.ok('exec', name, 'id', '-u'), '0');
    assert.equal(await host.ok('exec', '-u', 'nobody', name, 'id', '-un'), 'nobody');
  }
  assert.equal(bases.size, 3);
  // What it writes belongs to root on the disk: commit, cp, diff and a later start need no other way.
  await host.ok('exec', 'one', 'sh', '-c', 'echo mine >/made; chown 5:6 /made');
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'one');
  const { uid: diskUid, gid: diskGid } = statSync(`${host.root}/containers/${id}/upper/made`);
  assert.deepEqual([diskUid, diskGid], [5, 6]);
  assert.match(await host.ok('diff', 'one'), /A \/made/);
  await host.ok('cp', 'one:/made', `${files}/made`);
  assert.equal(readFileSync(`${files}/made`, 'utf8'), 'mine\n');
  await host.ok('cp', `${files}/made`, 'one:/again');
  assert.equal(await host.ok('exec', 'one', 'stat', '-c', '%u', '/again'), '0');
  await host.ok('stop', 'one');
  await host.ok('start', 'one');
  assert.equal(await host.ok('exec', 'one', 'stat', '-c', '%u:%g', '/made'), '5:6');
  await host.ok('commit', 'one', 'mapped');
  assert.equal(await host.ok('run', '--rm', 'mapped', 'stat', '-c', '%u:%g', '/made'), '5:6');
  await host.ok('rm', '-f', ...names);
  await host.ok('rmi', 'mapped');
});

test('a map of one’s own; a directory of the host is nobody’s, unless idmap makes it its own', async () => {
  assert.match(await shell('cat /proc/self/uid_map', '--userns', MAP), /^\s*0\s+300000\s+65536$/);
  assert.match(await run(['--userns', 'auto:size=1000'], 'cat', '/proc/self/uid_map'), /\s1000$/);
  const two = ['--uidmap', '0:300000:1000', '--uidmap', '1000:5000:1', '--gidmap', '0:400000:65536'];
  assert.match(
    await run(two, 'cat', '/proc/self/uid_map', '/proc/self/gid_map'),
    /0\s+300000\s+1000\n\s*1000\s+5000\s+1\n\s*0\s+400000\s+65536$/,
  );
  assert.equal(await run(['--userns', 'host'], 'readlink', '/proc/self/ns/user'), own('user'));
  mkdirSync(`${files}/dir`);
  writeFileSync(`${files}/dir/f`, 'f\n');
  const tries = 'stat -c %u /v/f; cat /v/f; touch /v/new 2>/dev/null && echo wrote';
  assert.equal(
    (await host.run(['run', '--rm', '--userns', MAP, '-v', `${files}/dir:/v`, 'busybox', 'sh', '-c', tries]))
      .stdout,
    '65534\nf\n',
  );
  assert.equal(await shell(tries, '--userns', MAP, '-v', `${files}/dir:/v:idmap`), '0\nf\nwrote');
  assert.equal(statSync(`${files}/dir/new`).uid, 0);
  // Volumes are always its own; a later container with other users finds the same owners.
  assert.equal(
    await shell('touch /v/f; chown 7 /v/f; stat -c %u /v/f', '--userns', MAP, '-v', 'vol:/v'),
    '7',
  );
  assert.equal(await shell('stat -c %u /v/f', '--userns', 'auto', '-v', 'vol:/v'), '7');
  assert.equal(await shell('stat -c %u /v/f', '-v', 'vol:/v'), '7');
  await host.ok('volume', 'rm', 'vol');
});

test('a container with users of its own starts like any other: terminal, streams, devices, limits, network files', async () => {
  const script =
    'echo x >/dev/null; head -c 2 /dev/zero | wc -c; echo err >&2; cat /etc/hostname; mkdir /dev/shm/d; touch /sys/x 2>/dev/null || echo ro';
  const flags = [
    '--userns',
    'auto',
    '-m',
    '64m',
    '--pids-limit',
    '50',
    '--hostname',
    'box',
    '--init',
    '--tmpfs',
    '/t',
    '--read-only',
  ];
  const result = await host.run(['run', '--rm', ...flags, 'busybox', 'sh', '-c', script]);
  assert.deepEqual(result, { code: 0, stdout: '2\nbox\nro\n', stderr: 'err\n' });
  const words = `'${EXECUTABLE}' --root '${host.root}' run --rm -it --userns auto busybox sh -c "tty; id -u; exit 3"`;
  const terminal = await command('script', ['-qec', words, '/dev/null']);
  assert.equal(terminal.code, 3, terminal.stdout);
  assert.match(terminal.stdout, /\/dev\/pts\/0\r?\n0/);
  // Its root has no right over anything outside.
  const refusedAll =
    'mount -t tmpfs none /mnt || echo mount; mknod /n b 8 0 || echo mknod; echo 1 >/proc/sys/kernel/panic || echo sysctl; chown 100000 /etc/passwd || echo chown';
  assert.deepEqual(
    (await shell(`exec 2>/dev/null; mkdir -p /mnt; ${refusedAll}`, '--userns', 'auto')).split('\n'),
    ['mount', 'mknod', 'sysctl', 'chown'],
  );
});

test('user maps that cannot be, each named', async () => {
  const bad: ReadonlyArray<readonly [flags: string[], line: RegExp]> = [
    [['--userns', 'some'], /--userns "some" is no user namespace/],
    [['--userns', 'auto:size=0'], /between 1 and 65536/],
    [['--userns', 'auto:size=-1'], /--userns "auto:size=-1"/],
    [['--userns', 'auto:size=65537'], /between 1 and 65536/],
    [['--userns', '0:1'.repeat(9)], /is no user namespace|is no map/],
    [['--userns', '1:300000:10'], /no line maps 0/],
    [['--userns', '0:300000:0'], /is no map of users/],
    [['--userns', '0:300000:5000000000'], /is no map of users/],
    [['--userns', '0:4294967290:100'], /is no map of users/],
    [['--userns', '0:300000:10,5:400000:10'], /users 5 and on are mapped twice/],
    [['--userns', '0:300000:10,10:300005:10'], /users 300005 and on are mapped twice/],
    [['--uidmap', 'a:b:c'], /--uidmap "a:b:c" is no map/],
    [['--uidmap', '0:300000:-5'], /--uidmap "0:300000:-5" is no map/],
    [['--gidmap', '5'], /--gidmap "5" is no map/],
    [['--userns', 'auto', '--uidmap', MAP], /--userns and --uidmap set the same/],
    [['--userns', 'auto', '--privileged'], /with --privileged/],
    [['--userns', 'auto', '--pid', 'host'], /leave out --pid/],
    [['--userns', 'auto', '--ipc', 'host'], /leave out --ipc/],
    [['--userns', 'auto', '--uts', 'host'], /leave out --uts/],
    [['--userns', 'auto', '--network', 'host'], /leave out --network/],
    [
      ['--uidmap', '0:300000:10', '--gidmap', '0:300000:5'],
      /or of one of its groups, is too large or none that the container has/,
    ],
    [['--userns', MAP, '-u', '70000'], /none that the container has/],
  ];
  for (const [flags, line] of bad) await refusedRun(host, flags, line);
});

test('--init, --group-add, --oom-score-adj, no-new-privileges, --domainname: in run and in exec', async () => {
  const flags = [
    '--init',
    '--group-add',
    '55',
    '--group-add',
    'daemon',
    '--oom-score-adj',
    '321',
    '--security-opt',
    'no-new-privileges',
    '--domainname',
    'some.where',
  ];
  await host.ok('run', '-d', '--name', 'set', ...flags, 'busybox', 'sleep', '1000');
  assert.match(await host.ok('exec', 'set', 'ps', '-o', 'pid,args'), /^\s*1 .*init/m);
  const groups = (await host.ok('exec', 'set', 'id', '-G')).split(' ');
  assert.ok(groups.includes('55') && groups.includes('1'), groups.join(' '));
  assert.equal(
    await host.ok('exec', 'set', 'cat', '/proc/1/oom_score_adj', '/proc/self/oom_score_adj'),
    '321\n321',
  );
  assert.match(await host.ok('exec', 'set', 'grep', 'NoNewPrivs', '/proc/1/status'), /1$/);
  assert.equal(await host.ok('exec', 'set', 'cat', '/proc/sys/kernel/domainname'), 'some.where');
  await host.ok('rm', '-f', 'set');
  assert.match(await shell('id -G', '-u', '1000', '--group-add', '7'), /\b7\b/);
  for (const score of ['1001', '-1001', 'x', ''])
    await refusedRun(host, ['--oom-score-adj', score], /--oom-score-adj/);
  for (const group of ['a:b', '']) await refusedRun(host, ['--group-add', group], /--group-add/);
  await refusedRun(host, ['--group-add', 'nosuch'], /no such group/);
  await refusedRun(host, ['--group-add', '4294967295'], /too large/);
  if (!mayRaise)
    await refusedRun(host, ['--oom-score-adj', '-500'], /takes CAP_SYS_RESOURCE, which it lacks/);
  else assert.equal(await run(['--oom-score-adj', '-500'], 'cat', '/proc/self/oom_score_adj'), '-500');
});

test('--ulimit: every name, soft and hard; in exec too; what mydocker itself may not have is named', async () => {
  const limits = await shell(
    'cat /proc/self/limits',
    '--ulimit',
    'nofile=100:200',
    '--ulimit',
    'core=0',
    '--ulimit',
    'nproc=500',
    '--ulimit',
    'fsize=1000000',
    '--ulimit',
    'stack=4000000:-1',
  );
  assert.match(limits, /Max open files\s+100\s+200 /);
  assert.match(limits, /Max core file size\s+0\s+0 /);
  assert.match(limits, /Max processes\s+500\s+500 /);
  assert.match(limits, /Max file size\s+1000000\s+1000000 /);
  assert.match(limits, /Max stack size\s+4000000\s+unlimited /);
  await host.ok('run', '-d', '--name', 'lim', '--ulimit', 'nofile=77', 'busybox', 'sleep', '1000');
  assert.equal(await host.ok('exec', 'lim', 'sh', '-c', 'ulimit -n'), '77');
  await host.ok('rm', '-f', 'lim');
  for (const text of ['nofile', 'nofile=', 'nofile=x', '=5', 'nofile=1:2:3', 'NOFILE=5'])
    await refusedRun(host, ['--ulimit', text], /is no limit/);
  await refusedRun(
    host,
    ['--ulimit', 'files=5'],
    /--ulimit files: there is no such limit; there are .*nofile/,
  );
  await refusedRun(host, ['--ulimit', 'nofile=5:3'], /soft limit 5 is above the hard one, 3/);
  await refusedRun(host, ['--ulimit', 'nofile=-5'], /-5 is no limit/);
  // As this test's host, or a shell without the capability, runs it: too high is named with the figure, defaults work.
  const lowered = [
    '--bounding-set',
    '-sys_resource',
    '--inh-caps',
    '-sys_resource',
    'prlimit',
    '--nofile=5000:5000',
  ];
  const as = (...words: string[]) =>
    command('setpriv', [...lowered, EXECUTABLE, '--root', host.root, ...words]);
  const high = await as('run', '--rm', '--ulimit', 'nofile=6000', 'busybox', 'true');
  assert.equal(high.code, 125, high.stderr);
  assert.match(
    high.stderr,
    /^mydocker: --ulimit nofile: 6000 is above 5000, the hard limit of mydocker itself, which lacks CAP_SYS_RESOURCE[^\n]*; give at most 5000[^\n]*\n$/,
  );
  assert.equal(
    (await as('run', '--rm', '--ulimit', 'nofile=5000', 'busybox', 'sh', '-c', 'ulimit -n')).stdout,
    '5000\n',
  );
  assert.equal((await as('run', '--rm', 'busybox', 'echo', 'fine')).stdout, 'fine\n');
});

test('--sysctl: those of its own namespaces; others, and values no kernel takes, are refused', async () => {
  const flags = [
    '--sysctl',
    'net.ipv4.ip_forward=1',
    '--sysctl',
    'kernel.msgmax=9000',
    '--sysctl',
    'fs.mqueue.msg_max=20',
    '--sysctl',
    'net/ipv4/conf/lo/rp_filter=2',
  ];
  const names = ['net/ipv4/ip_forward', 'kernel/msgmax', 'fs/mqueue/msg_max', 'net/ipv4/conf/lo/rp_filter'];
  const before = readFileSync('/proc/sys/kernel/msgmax', 'utf8');
  assert.equal(await run(flags, 'cat', ...names.map((name) => `/proc/sys/${name}`)), '1\n9000\n20\n2');
  assert.equal(readFileSync('/proc/sys/kernel/msgmax', 'utf8'), before, 'the host’s is as it was');
  const bad: ReadonlyArray<readonly [flags: string[], line: RegExp]> = [
    [['--sysctl', 'net.ipv4.ip_forward'], /has no value/],
    [['--sysctl', '=1'], /has no value/],
    [['--sysctl', 'net.ipv4.ip_forward='], /it has no value/],
    [['--sysctl', 'kernel.panic=1'], /belongs to the whole machine/],
    [['--sysctl', 'vm.swappiness=1'], /belongs to the whole machine/],
    [['--sysctl', 'kernel.core_pattern=|/x'], /belongs to the whole machine/],
    [['--sysctl', '../kernel/panic=1'], /no name of a setting/],
    [['--sysctl', 'net..x=1'], /no name of a setting/],
    [['--sysctl', 'net.ipv4.ip_forward=1', '--network', 'host'], /no network namespace of its own/],
    [['--sysctl', 'kernel.msgmax=9000', '--ipc', 'host'], /no ipc namespace of its own/],
    [['--sysctl', 'net.nosuch=1'], /this kernel has no such setting/],
    [['--sysctl', 'net.ipv4.ip_forward=lots'], /does not take this value/],
  ];
  for (const [words, line] of bad) await refusedRun(host, words, line);
});

test('--device: under another name, only to read, a directory of them; what is none is refused', async () => {
  assert.match(await shell('ls -l /dev/full2', '--device', '/dev/full:/dev/full2'), /^c.* 1, +7 /);
  const readOnly = await host.run([
    'run',
    '--rm',
    '--device',
    '/dev/fuse:/dev/f:r',
    'busybox',
    'sh',
    '-c',
    'exec 3</dev/f && echo read; echo x >/dev/f',
  ]);
  assert.equal(readOnly.stdout, 'read\n', readOnly.stderr);
  assert.match(readOnly.stderr, /not permitted/);
  assert.match(await shell('ls /dev/net', '--device', '/dev/net'), /tun/);
  assert.match(await shell('ls -l /dev/f', '--device', '/dev/full:/dev/f', '--userns', 'auto'), /^c/);
  assert.equal(
    (
      await host.run([
        'run',
        '--rm',
        '--device-cgroup-rule',
        'c 10:229 r',
        'busybox',
        'sh',
        '-c',
        'mknod /m c 10 229; exec 3</m && echo 1',
      ])
    ).stdout,
    '1\n',
  );
  const bad: ReadonlyArray<readonly [flags: string[], line: RegExp]> = [
    [['--device', '/dev/nosuch'], /this host has no \/dev\/nosuch/],
    [['--device', 'null'], /is no device/],
    [['--device', ''], /is no device/],
    [['--device', '/dev/null:/dev/x:q'], /not made of r, w and m/],
    [['--device', '/dev/null:/dev/x:rw:z'], /is no device/],
    [['--device', '/dev/null:/dev/../etc/x'], /no path of a device/],
    [['--device', '/etc/passwd'], /neither a device nor a directory/],
    [['--device-cgroup-rule', 'c 1:1'], /is no rule/],
    [['--device-cgroup-rule', 'x 1:1 r'], /is no rule/],
    [['--device-cgroup-rule', ''], /is no rule/],
  ];
  for (const [flags, line] of bad) await refusedRun(host, flags, line);
});

test('--privileged: everything the host gives, nothing masked; without it nothing of that', async () => {
  const show =
    'grep CapEff /proc/self/status; grep Seccomp: /proc/self/status; ls /dev | wc -l; mkdir /m; mount -t tmpfs none /m && echo mounted; test -w /proc/sys/kernel/panic && echo open';
  const out = (await shell(show, '--privileged')).split('\n');
  assert.equal(out[0], /CapEff:.*/.exec(status)?.[0]);
  assert.equal(out[1], 'Seccomp:\t0');
  assert.ok(Number(out[2]) > 15);
  assert.deepEqual(out.slice(3), ['mounted', 'open']);
});
