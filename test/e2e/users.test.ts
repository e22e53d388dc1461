/** Users of its own: root inside is nobody outside. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';
import { refusedRun } from './refused.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
const run = (flags: readonly string[], ...words: string[]) =>
  host.ok('run', '--rm', ...flags, 'busybox', ...words);
const shell = (script: string, ...flags: string[]) => run(flags, 'sh', '-c', script);
const own = (type: string): string => readlinkSync(`/proc/self/ns/${type}`);

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
  assert.match(terminal.stdout, /\/dev\/pts\/0\r?\n(\^@|\0)?0/);
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
