/** What the kernel sets for a container’s processes: limits, settings, groups, scores, devices. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';
import { refusedRun } from './refused.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
const run = (flags: readonly string[], ...words: string[]) =>
  host.ok('run', '--rm', ...flags, 'busybox', ...words);
const shell = (script: string, ...flags: string[]) => run(flags, 'sh', '-c', script);

const status = readFileSync('/proc/self/status', 'utf8');
/** CAP_SYS_RESOURCE, which some hosts withhold. */
const mayRaise = ((BigInt(`0x${/CapEff:\s*(\w+)/.exec(status)?.[1]}`) >> 24n) & 1n) === 1n;

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
  assert.match(await host.ok('exec', 'set', 'hostname', '-f'), /^[0-9a-f]{12}\.some\.where$/);
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
    '--nofile=5000:5000',
    'setpriv',
    '--bounding-set',
    '-sys_resource',
    '--inh-caps',
    '-sys_resource',
  ];
  const as = (...words: string[]) =>
    command('prlimit', [...lowered, EXECUTABLE, '--root', host.root, ...words]);
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

test('--security-opt systempaths=unconfined: nothing of /proc and /sys is masked, and that is all', async () => {
  const show =
    'grep CapEff /proc/self/status; grep -c " /proc/" /proc/self/mountinfo; head -c1 /proc/timer_list';
  const masked = (await shell(show)).split('\n');
  const open = (await shell(show, '--security-opt', 'systempaths=unconfined')).split('\n');
  assert.equal(open[0], masked[0], 'no more capabilities');
  assert.ok(Number(masked[1]) > 5, `${masked[1]} masks`);
  assert.equal(open[1], '0');
  assert.equal(masked[2] ?? '', '');
  assert.notEqual(open[2] ?? '', '');
});
