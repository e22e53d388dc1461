/** What is mounted in a container: --mount of every type, --tmpfs, read-only roots, propagation, other owners. */
import assert from 'node:assert/strict';
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host, leftovers } from './harness.ts';
import { refused, refusedRun } from './refused.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
const shell = (script: string, ...flags: string[]) =>
  host.ok('run', '--rm', ...flags, 'busybox', 'sh', '-c', script);
const mount = (fields: string) => ['--mount', fields];

/** A shell script on the host, in a mount namespace of its own: nothing of it is left. `md` is mydocker. */
async function aside(lines: readonly string[]): Promise<string> {
  const script = [`md() { '${EXECUTABLE}' "$@"; }`, `cd '${files}'`, ...lines].join('\n');
  const result = await command('unshare', ['-m', 'sh', '-ec', script], { env: { MYDOCKER_ROOT: host.root } });
  assert.equal(result.code, 0, `${result.stdout}${result.stderr}`);
  return result.stdout.trim();
}

test('type=image: the files of an image, read-only; a directory or a file of it; of several layers', async () => {
  await host.ok(
    'run',
    '--name',
    'maker',
    'busybox',
    'sh',
    '-c',
    'mkdir /more; echo upper >/more/f; rm /etc/group; echo m >>/etc/passwd',
  );
  await host.ok('commit', 'maker', 'layered');
  await host.ok('rm', 'maker');
  const list = await shell(
    'ls /img/etc; tail -n 1 /img/etc/passwd; cat /img/more/f; touch /img/x || echo ro',
    ...mount('type=image,source=layered,target=/img'),
  );
  assert.equal(list, 'nsswitch.conf\npasswd\nshadow\nm\nupper\nro');
  assert.equal(await shell('ls /m', ...mount('type=image,source=layered,target=/m,image-subpath=more')), 'f');
  const file = mount('type=image,source=layered,target=/etc/upper,image-subpath=more/f');
  assert.equal(await shell('cat /etc/upper', ...file), 'upper');
  const single = mount('type=image,src=busybox,dst=/one');
  assert.equal(
    await shell('grep -c root: /one/etc/passwd; rm /one/etc/passwd || echo ro', ...single),
    '1\nro',
  );
  const both = [
    ...mount('type=image,source=layered,target=/a'),
    ...mount('type=image,source=busybox,target=/b'),
  ];
  assert.equal(await shell('ls /a/etc | wc -l; ls /b/etc | wc -l', ...both), '3\n4');
  // The image is in use as long as the container is there.
  await host.ok(
    'create',
    '--name',
    'user',
    ...mount('type=image,source=layered,target=/img'),
    'busybox',
    'cat',
    '/img/more/f',
  );
  assert.match(await host.fails(1, 'rmi', 'layered'), /cannot remove the image "layered".*user/);
  await host.ok('rmi', '-f', 'layered');
  assert.equal(
    await host.ok('start', '-a', 'user'),
    'upper',
    'without a name it is kept as long as somebody has it',
  );
  await host.ok('rm', 'user');
});

test('--tmpfs and type=tmpfs: size, mode, owner; never devices or setuid, programs only when asked', async () => {
  const script =
    'stat -c "%a %u %g" /t; df -k /t | tail -n 1 | tr -s " " | cut -d " " -f 2; grep " /t " /proc/mounts';
  const [owner, size, line = ''] = (await shell(script, '--tmpfs', '/t:size=2m,mode=750,uid=5,gid=6')).split(
    '\n',
  );
  assert.deepEqual([owner, size], ['750 5 6', '2048']);
  assert.match(line, /^tmpfs \/t tmpfs rw,nosuid,nodev,noexec/);
  const run = 'cp /bin/busybox /t/echo && /t/echo ran';
  assert.match(
    (await host.run(['run', '--rm', '--tmpfs', '/t', 'busybox', 'sh', '-c', run])).stderr,
    /Permission denied/,
  );
  assert.equal(await shell(run, '--tmpfs', '/t:exec'), 'ran');
  const other = mount('type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1777,readonly');
  assert.equal(await shell('stat -c %a /t; touch /t/x || echo ro', ...other), '1777\nro');
  assert.equal(await shell('head -c 3000000 /dev/zero >/t/x || echo full', '--tmpfs', '/t:size=1m'), 'full');
});

test('--shm-size sets the size of /dev/shm; 64 MB without', async () => {
  const size = 'df -k /dev/shm | tail -n 1 | tr -s " " | cut -d " " -f 2';
  assert.equal(await shell(size), '65536');
  assert.equal(await shell(size, '--shm-size', '1m'), '1024');
  assert.equal(await shell('head -c 2000000 /dev/zero >/dev/shm/x || echo full', '--shm-size', '1m'), 'full');
});

test('--read-only: the root and the engine’s own files in /etc; not what is mounted', async () => {
  mkdirSync(`${files}/rw`);
  const script =
    'for f in /x /etc/x /usr/bin/x /dev/x /v/x /t/x /dev/shm/x; do touch $f 2>/dev/null && echo $f; done; true';
  const flags = ['--read-only', '-v', `${files}/rw:/v`, '--tmpfs', '/t'];
  assert.deepEqual((await shell(script, ...flags)).split('\n'), ['/dev/x', '/v/x', '/t/x', '/dev/shm/x']);
  await host.ok('run', '-d', '--name', 'sealed', ...flags, 'busybox', 'sleep', '1000');
  assert.match((await host.run(['exec', 'sealed', 'touch', '/x'])).stderr, /Read-only/);
  await host.ok('rm', '-f', 'sealed');
});

test('read-only reaches the mounts below a source, unless it is told otherwise', async () => {
  mkdirSync(`${files}/tree/sub`, { recursive: true });
  const tries =
    'touch /m/top 2>/dev/null && echo top; ls /m/sub; touch /m/sub/below 2>/dev/null && echo below; rm -f /m/top /m/sub/below; true';
  const ask = (fields: string) =>
    `md run --rm --mount type=bind,source=tree,target=/m${fields} busybox sh -c '${tries}'; echo .`;
  const out = await aside([
    'mount -t tmpfs none tree/sub && touch tree/sub/mark',
    `md run --rm -v ./tree:/m:ro busybox sh -c '${tries}'; echo .`,
    ...[
      ',readonly',
      ',readonly,bind-recursive=readonly',
      ',readonly,bind-recursive=writable',
      ',readonly,bind-recursive=disabled',
      ',bind-nonrecursive',
      '',
    ].map(ask),
  ]);
  const below = 'mark';
  assert.deepEqual(
    out.split('\n.').map((part) => part.trim().split('\n').join(' ')),
    [below, below, below, `${below} below`, '', 'top below', `top ${below} below`, ''],
  );
});

test('propagation: private by default; rslave sees the host’s later mounts; rshared shows its own to the host', async () => {
  mkdirSync(`${files}/prop/sub`, { recursive: true });
  const out = await aside([
    'mount --bind prop prop && mount --make-shared prop',
    'for p in rprivate rslave rshared; do',
    '  md run -d --name $p --cap-add SYS_ADMIN -v ./prop:/m:$p busybox sleep 1000 >/dev/null; done',
    'mount -t tmpfs none prop/sub && touch prop/sub/host',
    'for p in rprivate rslave rshared; do echo "$p: $(md exec $p ls /m/sub)"; done',
    'umount prop/sub',
    // Seen by the host and by the slave, not by the private one.
    'md exec rshared sh -c "mount -t tmpfs none /m/sub && touch /m/sub/inner"',
    'echo "host: $(ls prop/sub)"; for p in rprivate rslave; do echo "$p: $(md exec $p ls /m/sub)"; done',
    'md exec rshared umount /m/sub; echo "host: $(ls prop/sub)"',
    'md exec rslave sh -c "mount -t tmpfs none /m/sub && touch /m/sub/inner"; echo "host: $(ls prop/sub)"',
    'md rm -f rprivate rslave rshared >/dev/null',
  ]);
  assert.deepEqual(
    out.split('\n'),
    [
      ...['rprivate:', 'rslave: host', 'rshared: host'],
      ...['host: inner', 'rprivate:', 'rslave: inner'],
      ...['host:', 'host:'],
    ]
      .map((line) => (line.endsWith(':') ? `${line} ` : line))
      .map((line, i, all) => (i === all.length - 1 ? line.trimEnd() : line)),
  );
  for (const p of ['rslave', 'rshared'])
    await refused(
      host,
      125,
      ['run', '--rm', '-v', `${files}/prop:/m:${p}`, 'busybox', 'true'],
      /which is (not a shared|neither a shared nor a slave) mount; mount --make-shared/,
    );
});

test('idmap with a map of its own: the host’s user keeps its files, though root wrote them inside', async () => {
  mkdirSync(`${files}/mine`);
  chownSync(`${files}/mine`, 1000, 1001);
  writeFileSync(`${files}/mine/old`, '');
  chownSync(`${files}/mine/old`, 1000, 1001);
  const seen = await shell(
    'stat -c "%u:%g" /m /m/old; touch /m/new',
    '-v',
    `${files}/mine:/m:idmap=uids=1000-0-1;gids=1001-0-1`,
  );
  assert.equal(seen, '0:0\n0:0');
  const { uid, gid } = statSync(`${files}/mine/new`);
  assert.deepEqual([uid, gid], [1000, 1001]);
  const two = 'idmap=uids=1000-0-1#0-1000-1;gids=1001-0-1#0-1000-1';
  assert.equal(await shell('stat -c %u:%g /m/new', '-v', `${files}/mine:/m:ro,${two}`), '0:0');
});

test('mounts over mounts: sorted by depth, files on files, what is missing is made', async () => {
  mkdirSync(`${files}/deep/etc`, { recursive: true });
  writeFileSync(`${files}/deep/conf`, 'c\n');
  const flags = ['-v', `${files}/deep/conf:/top/etc/conf`, '-v', `${files}/deep:/top`, '--tmpfs', '/top/etc'];
  assert.equal(await shell('cat /top/etc/conf; ls /top/etc; ls /top', ...flags), 'c\nconf\nconf\netc');
  await refusedRun(
    host,
    ['-v', '/etc/hosts:/etc'],
    /MOUNT|mount on \/etc: ENOTDIR: one of the two is a file/,
  );
  await refusedRun(host, ['-v', `${files}/deep:/etc/passwd`], /mount on \/etc\/passwd: ENOTDIR/);
});

test('--mount and --tmpfs: every field malformed, unknown, twice, missing, or contradictory', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const bad: ReadonlyArray<readonly [fields: string, line: RegExp]> = [
    ['type=nfs,target=/m', /there is no type "nfs"/],
    ['type=bind,target=/m', /has no host path/],
    ['type=bind,source=/tmp', /container path "" is not absolute/],
    ['type=bind,source=/nosuch,target=/m', /host path \/nosuch does not exist/],
    ['type=bind,source=/tmp,target=m', /"m" is not absolute/],
    ['type=bind,source=/tmp,target=/', /whole root/],
    ['type=bind,source=/tmp,target=/m,target=/n', /target is given twice/],
    ['type=bind,source=/tmp,target=/m,colour=red', /unknown field "colour"/],
    ['type=bind,source=/tmp,target=/m,readonly=perhaps', /perhaps/],
    ['type=bind,source=/tmp,target=/m,bind-propagation=upwards', /no propagation "upwards"/],
    [
      'type=bind,source=/tmp,target=/m,bind-recursive=some',
      /bind-recursive is enabled, disabled, writable or readonly/,
    ],
    ['type=bind,source=/tmp,target=/m,bind-recursive=readonly', /goes with readonly only/],
    ['type=bind,source=/tmp,target=/m,bind-recursive=writable', /goes with readonly only/],
    ['type=bind,source=/tmp,target=/m,bind-nonrecursive,bind-recursive=enabled', /contradict/],
    ['type=bind,source=/tmp,target=/m,tmpfs-size=1m', /tmpfs-size/],
    ['type=tmpfs,target=/m,source=/tmp', /source/],
    ['type=tmpfs,target=/m,tmpfs-size=lots', /"lots" is no size/],
    ['type=tmpfs,target=/m,tmpfs-size=-1', /"-1" is no size/],
    ['type=tmpfs,target=/m,tmpfs-mode=999', /"999" is no octal mode/],
    ['type=image,target=/m', /it has no image/],
    [
      'type=image,source=busybox,target=/m,image-subpath=../x',
      /image-subpath "\.\.\/x" leads out of the image/,
    ],
  ];
  for (const [fields, line] of bad) await refusedRun(host, mount(fields), line);
  await refusedRun(
    host,
    mount('type=image,source=busybox,target=/m,image-subpath=nosuch'),
    /there is no nosuch in it/,
  );
  await refused(
    host,
    125,
    ['run', '--pull', 'never', '--rm', ...mount('type=image,source=nosuch,target=/m'), 'busybox', 'true'],
    /no image "nosuch"/,
  ).catch(async () =>
    refused(
      host,
      1,
      ['run', '--pull', 'never', '--rm', ...mount('type=image,source=nosuch,target=/m'), 'busybox', 'true'],
      /no image "nosuch"/,
    ),
  );
  const options: ReadonlyArray<readonly [text: string, line: RegExp]> = [
    ['run', /not absolute/],
    ['/run:size=x', /"x" is no size/],
    ['/run:mode=8', /no octal mode/],
    ['/run:colour', /unknown option "colour"/],
    ['/run:uid=root', /unknown option "uid=root"/],
    ['/', /whole root/],
  ];
  for (const [text, line] of options) await refusedRun(host, ['--tmpfs', text], line);
  for (const map of [
    'idmap',
    'idmap=uids=1-2',
    'idmap=uids=1-2-0',
    'idmap=users=1-2-3',
    'ro,rw',
    'rslave,rshared',
    'fast',
  ])
    await refusedRun(host, ['-v', `/tmp:/m:${map}`], /./);
  for (const size of ['0', 'x', '-1m']) await refusedRun(host, ['--shm-size', size], /--shm-size/);
  await refusedRun(host, ['--ipc', 'host', '--shm-size', '1m'], /not its own/);
  await refusedRun(host, ['--tmpfs', '/etc/passwd'], /\/etc\/passwd: ENOTDIR/);
  assert.equal(existsSync(`${host.root}/volumes/nosuch`), false);
  assert.deepEqual(leftovers(host.root), []);
});
