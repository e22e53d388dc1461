/** Ways out of a container that worked against other engines, tried as its root with default flags: every one must fail. */
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { after, before, test } from 'node:test';
import { makeAttackProgram } from './attack-program.ts';
import { command, Host, SLOWNESS } from './harness.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
const shell = (script: string, ...flags: string[]) =>
  host.run(['run', '--rm', ...flags, 'busybox', 'sh', '-c', script]);

before(() => makeAttackProgram(files));
const WITH_PROGRAM = (): string[] => ['-v', `${files}/attack:/attack:ro`];

test('a link exchanged while a mount is being made never has it land elsewhere (CVE-2021-30465)', async () => {
  mkdirSync(`${files}/shared/point`, { recursive: true });
  mkdirSync(`${files}/bait`);
  writeFileSync(`${files}/bait/mark`, '');
  const outside = `${files}/outside`;
  mkdirSync(outside);
  symlinkSync(`/../../../../../../..${outside}`, `${files}/shared/link`);
  await host.ok(
    'run',
    '-d',
    '--name',
    'swapper',
    ...WITH_PROGRAM(),
    '-v',
    `${files}/shared:/s`,
    'busybox',
    '/attack',
    'swap',
    '/s/point',
    '/s/link',
  );
  for (let i = 0; i < 24 / Math.min(SLOWNESS, 4); i++) {
    const mounts = [
      '-v',
      `${files}/shared:/s`,
      '-v',
      `${files}/bait:/s/point/in`,
      '--tmpfs',
      '/s/point/memory',
    ];
    const { code, stderr } = await shell('true', ...mounts);
    if (code !== 0) assert.match(stderr, /^mydocker: cannot start [^\n]+\n$/);
    assert.equal(
      existsSync(`${outside}/in`) || existsSync(`${outside}/memory`),
      false,
      'nothing was made on the host',
    );
  }
  const table = readFileSync('/proc/self/mountinfo', 'utf8');
  assert.ok(!table.includes(files), table);
  await host.ok('rm', '-f', 'swapper');
});

test('an image whose /proc, /dev or /sys is a link is refused (CVE-2019-19921, CVE-2023-27561)', async () => {
  for (const place of ['proc', 'sys', 'dev']) {
    await host.ok('run', '--name', 'linker', 'busybox', 'sh', '-c', 'mkdir /elsewhere');
    const tree = `${files}/tree-${place}`;
    mkdirSync(`${tree}/bin`, { recursive: true });
    mkdirSync(`${tree}/elsewhere`);
    assert.equal((await command('cp', ['/bin/busybox', `${tree}/bin/sh`])).code, 0);
    symlinkSync('/elsewhere', `${tree}/${place}`);
    await host.ok('import', tree, `linked-${place}`);
    const line = await host.fails(125, 'run', '--rm', `linked-${place}`, '/bin/sh', '-c', 'true');
    assert.match(line, new RegExp(`/${place}: ELOOP: the image has a symbolic link there`));
    await host.ok('rm', 'linker');
    await host.ok('rmi', `linked-${place}`);
  }
});

test('a mask cannot be made of something else, nor the console land elsewhere (CVE-2025-31133, CVE-2025-52565)', async () => {
  mkdirSync(`${files}/dev/pts`, { recursive: true });
  symlinkSync('/proc/sys/kernel/core_pattern', `${files}/dev/null`);
  symlinkSync('/proc/sysrq-trigger', `${files}/dev/console`);
  const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
  const read =
    'cat /proc/kcore 2>/dev/null | head -c 1 | wc -c; cat /proc/keys | wc -c; echo x >/proc/sys/kernel/core_pattern; echo x >/proc/sysrq-trigger';
  const plain = await shell(read, '-v', `${files}/dev:/dev`);
  assert.deepEqual([plain.code, plain.stdout], [125, ''], plain.stderr);
  assert.match(plain.stderr, /^mydocker: cannot start [^\n]*mask \/proc\/\w+: EPERM[^\n]*\n$/);
  const terminal = await host.run([
    'run',
    '--rm',
    '-t',
    '-v',
    `${files}/dev:/dev`,
    'busybox',
    'sh',
    '-c',
    read,
  ]);
  assert.deepEqual(
    [terminal.code, terminal.stdout.includes('mask /proc') || terminal.stderr.includes('mask /proc')],
    [125, true],
    terminal.stderr,
  );
  assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), before);
});

test('a procfs write cannot be turned to another file (CVE-2025-52881)', async () => {
  // Its sysctls are written in a /proc of its own; nothing of the host is mounted in its place.
  mkdirSync(`${files}/proc/sys/net/ipv4`, { recursive: true });
  mkdirSync(`${files}/proc/self`);
  symlinkSync('/proc/sys/kernel/core_pattern', `${files}/proc/sys/net/ipv4/ip_forward`);
  const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
  const result = await shell(
    'cat /proc/sys/net/ipv4/ip_forward',
    '-v',
    `${files}/proc:/proc`,
    '--sysctl',
    'net.ipv4.ip_forward=1',
  );
  assert.equal(result.code, 125, result.stdout);
  assert.match(result.stderr, /^mydocker: [^\n]*mount on \/proc: ELOOP[^\n]*\n$/);
  assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), before);
});

test('release_agent, core_pattern, sysrq, uevent_helper and the like cannot be written (CVE-2022-0492)', async () => {
  const writes = [
    'for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/release_agent /proc/sys/kernel/core_pattern /proc/sys/kernel/modprobe',
    '/proc/sysrq-trigger /sys/kernel/uevent_helper /proc/sys/fs/binfmt_misc/register /sys/kernel/debug/x /proc/sys/kernel/hotplug',
    '/proc/irq/default_smp_affinity /proc/bus/x /proc/fs/x; do echo pwned 2>/dev/null >$f && echo "wrote $f"; done',
  ].join(' ');
  const mounts = [
    'mkdir /m; for t in cgroup cgroup2 proc sysfs tmpfs securityfs debugfs; do mount -t $t none /m && echo "mounted $t"; done',
    'mount -o remount,rw /sys && echo remounted; mount -o remount,rw /sys/fs/cgroup && echo remounted; mount --bind / /m && echo bound',
    'umount /proc/sys && echo unmounted; umount /proc/keys && echo unmounted; unshare -Urm true && echo user; unshare -m true && echo mounts',
  ].join('\n');
  for (const flags of [[], ['--init'], ['--network', 'host'], ['--pid', 'host'], ['-v', `${files}:/v`]]) {
    const { stdout } = await shell(`exec 2>/dev/null; ${writes}\n${mounts}; true`, ...flags);
    assert.equal(stdout, '', flags.join(' '));
  }
});

test('without the filter, a user namespace of its own uncovers nothing and reaches no file of the kernel', async () => {
  const inside = [
    'umount /proc/keys && echo uncovered; umount /proc/sys && echo uncovered; mount -t proc none /proc && echo proc',
    'mkdir -p /m; mount -t tmpfs none /m && echo fine; mount -t cgroup -o memory none /m 2>/dev/null; echo x >/m/release_agent && echo agent',
    'mount -t sysfs none /m && echo x >/m/kernel/uevent_helper && echo helper; echo x >/proc/sys/kernel/core_pattern && echo pattern; true',
  ].join('\n');
  const result = await shell(
    `unshare -Urmpf sh -c '${inside}' 2>/dev/null`,
    '--security-opt',
    'seccomp=unconfined',
  );
  const lines = result.stdout
    .trim()
    .split('\n')
    .filter((line) => line !== 'fine' && line !== '');
  // A file it made itself in its own tmpfs is nobody's agent.
  assert.deepEqual(
    lines.filter((line) => line !== 'agent'),
    [],
    result.stdout,
  );
});

test('no capability is inheritable or ambient, in run, in exec, and for a user (CVE-2022-24769)', async () => {
  const sets = 'grep -E "Cap(Inh|Amb)" /proc/self/status | cut -f 2 | sort -u';
  const none = '0000000000000000\n';
  for (const flags of [[], ['-u', '1000'], ['--cap-add', 'NET_ADMIN'], ['--privileged']])
    assert.equal((await shell(sets, ...flags)).stdout, none, flags.join(' '));
  assert.match((await shell('grep CapEff /proc/self/status', '-u', '1000')).stdout, /0000000000000000/);
  await host.ok('run', '-d', '--name', 'caps', 'busybox', 'sleep', '1000');
  for (const flags of [[], ['-u', '1000']])
    assert.equal((await host.run(['exec', ...flags, 'caps', 'sh', '-c', sets])).stdout, none);
  await host.ok('rm', '-f', 'caps');
});

test('no group of root is left over with -u (CVE-2022-36109)', async () => {
  const read = 'echo secret >/f; chmod 060 /f; chown 0:0 /f';
  await host.ok('run', '--name', 'groups', 'busybox', 'sh', '-c', read);
  await host.ok('commit', 'groups', 'grouped');
  // A number that passwd does not know has group 0, as under Docker; a group given, or a known user's, takes that away.
  for (const user of ['1000:1000', 'nobody']) {
    const { stdout } = await host.run([
      'run',
      '--rm',
      '-u',
      user,
      'grouped',
      'sh',
      '-c',
      'id -G; cat /f 2>/dev/null',
    ]);
    assert.doesNotMatch(stdout, /secret|\b0\b/, user);
  }
  await host.ok('rm', 'groups');
  await host.ok('rmi', 'grouped');
});

test('no socket of the engine is in reach, not with the host’s network or processes (CVE-2020-15257)', async () => {
  await host.ok('run', '-d', '--name', 'neighbour', 'busybox', 'sleep', '1000');
  const { stdout } = await shell('cat /proc/net/unix', '--network', 'host');
  const abstract = stdout.split('\n').filter((line) => /@.*(mydocker|shim|attach)/.test(line));
  assert.deepEqual(abstract, [], 'no abstract socket');
  const paths = [...stdout.matchAll(/\s(\/\S*attach\.sock)$/gm)].map(([, path]) => path ?? '');
  assert.ok(paths.length > 0, 'there is one on the host, with a path');
  const looked = await shell(
    paths.map((path) => `ls ${path} && echo reached`).join('; '),
    '--network',
    'host',
    '--ipc',
    'host',
  );
  assert.equal(looked.stdout, '');
  await host.ok('rm', '-f', 'neighbour');
});

test('chroot and .. lead no further than the container’s root', async () => {
  const script =
    'mkdir -p /jail/a; cd /jail; chroot /jail /nothing 2>/dev/null; cd ../../../../../..; ls -d boot lib/modules 2>/dev/null; ls /..; readlink /proc/1/root';
  const { stdout } = await shell(script);
  assert.ok(!stdout.includes('boot'), stdout);
  assert.match(stdout, /^\/$/m);
});
