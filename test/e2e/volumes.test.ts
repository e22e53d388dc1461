/** Volumes: directories that outlive containers, and those without a name that go with theirs. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { command, Host } from './harness.ts';
import { refused, refusedRun } from './refused.ts';

const host = new Host();
const shell = (script: string, ...flags: string[]) =>
  host.ok('run', '--rm', ...flags, 'busybox', 'sh', '-c', script);
const names = async (...flags: string[]): Promise<string[]> =>
  (await host.ok('volume', 'ls', '-q', ...flags)).split('\n').filter((name) => name !== '');
const data = (name: string): string => `${host.root}/volumes/${name}/_data`;

test('create, ls, inspect, rm: by name, with labels; a second create changes nothing', async () => {
  assert.equal(await host.ok('volume', 'create', '--label', 'tier=db', '--label', 'kept', 'store'), 'store');
  assert.equal(await host.ok('volume', 'create', '--label', 'tier=web', 'store'), 'store');
  const generated = await host.ok('volume', 'create');
  assert.match(generated, /^[0-9a-f]{64}$/);
  assert.deepEqual((await names()).sort(), [generated, 'store'].sort());
  const [inspected] = JSON.parse(await host.ok('volume', 'inspect', 'store')) as Record<string, unknown>[];
  assert.deepEqual(
    [inspected?.Name, inspected?.Driver, inspected?.Scope, inspected?.Labels, inspected?.Mountpoint],
    ['store', 'local', 'local', { tier: 'db', kept: '' }, data('store')],
  );
  assert.ok(Math.abs(Date.parse(String(inspected?.CreatedAt)) - Date.now()) < 600_000);
  assert.equal(await host.ok('volume', 'inspect', '-f', '{{.Mountpoint}}', 'store'), data('store'));
  assert.deepEqual(await names('--filter', 'label=tier=db'), ['store']);
  assert.deepEqual(await names('--filter', 'label=tier=web'), []);
  assert.deepEqual(await names('--filter', 'name=sto'), ['store']);
  const rows = (await host.ok('volume', 'ls', '--format', 'json')).split('\n');
  assert.deepEqual(
    rows.map((row) => (JSON.parse(row) as { Name: string }).Name).sort(),
    [generated, 'store'].sort(),
  );
  assert.equal(await host.ok('volume', 'rm', 'store', generated), `store\n${generated}`);
  assert.equal(await host.ok('volume', 'rm', '-f', 'store'), 'store', 'with -f one that is gone is no error');
  assert.deepEqual(await names(), []);
});

test('what is written into a volume is there for the next container, and for two at once', async () => {
  await shell('echo one >/d/f; mkdir /d/sub; ln -s f /d/link', '-v', 'shared:/d');
  assert.equal(readFileSync(`${data('shared')}/f`, 'utf8'), 'one\n');
  await host.ok('run', '-d', '--name', 'holder', '-v', 'shared:/one', 'busybox', 'sleep', '1000');
  assert.equal(await shell('cat /two/link; echo two >/two/f', '-v', 'shared:/two'), 'one');
  assert.equal(await host.ok('exec', 'holder', 'cat', '/one/f'), 'two');
  const readOnly = await host.run(['run', '--rm', '-v', 'shared:/d:ro', 'busybox', 'touch', '/d/x']);
  assert.match(readOnly.stderr, /Read-only file system/);
  assert.equal(await shell('ls /s', '--mount', 'type=volume,source=shared,target=/s,volume-subpath=sub'), '');
  const file = 'type=volume,source=shared,target=/etc/conf,volume-subpath=f';
  assert.equal(await shell('cat /etc/conf', '--mount', file), 'two');
  await host.ok('rm', '-f', 'holder');
  await host.ok('volume', 'rm', 'shared');
});

test('a volume in use is not removed: not by rm, not with -f, not by prune; a stopped container uses it too', async () => {
  await host.ok('create', '--name', 'user', '-v', 'used:/d', 'busybox', 'true');
  for (const flags of [[], ['-f']])
    await refused(
      host,
      1,
      ['volume', 'rm', ...flags, 'used'],
      /cannot remove the volume used: it is in use by [0-9a-f]{12}/,
    );
  assert.deepEqual(await names('--filter', 'dangling=false'), ['used']);
  assert.deepEqual(await names('--filter', 'dangling=true'), []);
  await host.ok('volume', 'prune', '-a', '-f');
  assert.deepEqual(await names(), ['used']);
  await host.ok('start', '-a', 'user');
  await host.ok('rm', '-v', 'user');
  assert.deepEqual(await names(), ['used'], 'rm -v takes only those without a name');
  assert.deepEqual(await names('--filter', 'dangling=true'), ['used']);
  await host.ok('volume', 'rm', 'used');
});

test('a volume without a name goes with --rm and with rm -v, and stays with a plain rm', async () => {
  await shell('touch /d/x', '-v', '/d');
  assert.deepEqual(await names(), [], '--rm');
  await host.ok(
    'run',
    '--name',
    'two',
    '-v',
    '/d',
    '--mount',
    'type=volume,target=/e',
    'busybox',
    'touch',
    '/d/x',
    '/e/x',
  );
  assert.equal((await names()).length, 2);
  await host.ok('rm', '-v', 'two');
  assert.deepEqual(await names(), [], 'rm -v');
  await host.ok('run', '--name', 'three', '-v', '/d', 'busybox', 'touch', '/d/kept');
  await host.ok('rm', 'three');
  const [left = ''] = await names();
  assert.deepEqual(readdirSync(data(left)), ['kept']);
  await host.ok('volume', 'create', 'named');
  assert.match(await host.ok('volume', 'prune', '-f'), new RegExp(`${left}\\n\\nTotal reclaimed space: `));
  assert.deepEqual(await names(), ['named'], 'prune takes those without a name');
  assert.match(await host.ok('volume', 'prune', '-f', '-a', '--filter', 'label!=keep'), /named/);
  assert.deepEqual(await names(), []);
});

test('a new volume begins with what the image has there: owners, modes, times, links, attributes', async () => {
  const made = [
    'mkdir -p /app/deep && echo conf >/app/conf && chown 7:8 /app/conf && chmod 4750 /app/conf',
    'ln /app/conf /app/deep/same; ln -s /etc/passwd /app/out; mkfifo /app/pipe; mknod /app/null c 1 3',
    'chown 9:9 /app && chmod 1777 /app; touch -d "2001-02-03 04:05:06" /app/deep/old',
  ];
  await host.ok('run', '--name', 'maker', 'busybox', 'sh', '-c', made.join('\n'));
  await host.ok('commit', '-c', 'VOLUME ["/app"]', 'maker', 'withapp');
  await host.ok('rm', 'maker');
  await host.ok('run', '--rm', '-v', 'copied:/app', 'withapp', 'true');
  const copied = data('copied');
  const conf = statSync(`${copied}/conf`);
  assert.deepEqual([conf.uid, conf.gid, conf.mode & 0o7777, conf.nlink], [7, 8, 0o4750, 2]);
  assert.equal(statSync(`${copied}/deep/same`).ino, conf.ino);
  assert.ok(lstatSync(`${copied}/out`).isSymbolicLink() && lstatSync(`${copied}/pipe`).isFIFO());
  assert.ok(lstatSync(`${copied}/null`).isCharacterDevice());
  assert.equal(statSync(`${copied}/deep/old`).mtime.toISOString(), '2001-02-03T04:05:06.000Z');
  const top = statSync(copied);
  assert.deepEqual([top.uid, top.gid, top.mode & 0o7777], [9, 9, 0o1777]);
  // One that holds something is left as it is; nocopy leaves it empty; so does a place the image does not have.
  await shell('rm -r /v/deep; echo new >/v/conf', '-v', 'copied:/v');
  assert.equal(
    await host.ok('run', '--rm', '-v', 'copied:/app', 'withapp', 'sh', '-c', 'cat /app/conf; ls /app'),
    'new\nconf\nnull\nout\npipe',
  );
  assert.equal(await host.ok('run', '--rm', '-v', 'empty:/app:nocopy', 'withapp', 'ls', '/app'), '');
  assert.equal(await host.ok('run', '--rm', '-v', 'fresh:/nowhere', 'withapp', 'ls', '/nowhere'), '');
  await host.ok('volume', 'rm', 'copied', 'empty', 'fresh');
  // VOLUME of the image: one without a name, for each container its own, and what -v says there wins.
  assert.equal(
    await host.ok('run', '--rm', 'withapp', 'sh', '-c', 'cat /app/conf; echo mine >/app/conf'),
    'conf',
  );
  assert.equal(await host.ok('run', '--rm', 'withapp', 'cat', '/app/conf'), 'conf');
  assert.deepEqual(await names(), []);
  await host.ok('run', '--name', 'keeper', 'withapp', 'true');
  assert.equal((await names()).length, 1);
  await host.ok('rm', '-v', 'keeper');
  assert.equal(await host.ok('run', '--rm', '--tmpfs', '/app', 'withapp', 'ls', '/app'), '');
  await host.ok('rmi', 'withapp');
});

test('--volumes-from: the volumes and host paths of another, read-only if so asked; what was asked for wins', async () => {
  await host.ok(
    'run',
    '--name',
    'donor',
    '-v',
    'lent:/lent',
    '-v',
    '/anon',
    '-v',
    `${process.cwd()}:/code:ro`,
    'busybox',
    'sh',
    '-c',
    'echo a >/lent/f; echo b >/anon/f',
  );
  assert.equal(
    await shell(
      'cat /lent/f /anon/f; ls -d /code/package.json; touch /code/x || echo ro',
      '--volumes-from',
      'donor',
    ),
    'a\nb\n/code/package.json\nro',
  );
  assert.equal(await shell('cat /lent/f; touch /lent/x || echo ro', '--volumes-from', 'donor:ro'), 'a\nro');
  assert.equal(await shell('ls /lent; cat /anon/f', '--volumes-from', 'donor', '--tmpfs', '/lent'), 'b');
  // The one without a name is in use by a second container: it outlives the first.
  await host.ok('create', '--name', 'heir', '--volumes-from', 'donor', 'busybox', 'cat', '/anon/f');
  await host.ok('rm', '-v', 'donor');
  assert.equal(await host.ok('start', '-a', 'heir'), 'b');
  await host.ok('rm', '-v', 'heir');
  assert.deepEqual(await names(), ['lent']);
  await host.ok('volume', 'rm', 'lent');
});

test('a hundred containers made and removed at once leave their volume, and none without a name', async () => {
  const once = (i: number) =>
    host.ok('run', '--rm', '-v', 'crowd:/d', '-v', '/mine', 'busybox', 'sh', '-c', `echo ${i} >/d/${i}`);
  for (let round = 0; round < 5; round++)
    await Promise.all(Array.from({ length: 6 }, (_, i) => once(round * 6 + i)));
  assert.equal(readdirSync(data('crowd')).length, 30);
  assert.deepEqual(await names(), ['crowd']);
  // Of a removal and a container that come together, one wins, and both tell the truth.
  const [removed, ran] = await Promise.all([
    host.run(['volume', 'rm', 'crowd']),
    host.run(['run', '--name', 'racer', '-v', 'crowd:/d', 'busybox', 'true']),
  ]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.ok(removed.code === 0 || /in use/.test(removed.stderr), removed.stderr);
  assert.ok(existsSync(data('crowd')), 'whoever has it, has it');
  await host.ok('rm', 'racer');
  await host.ok('volume', 'rm', 'crowd');
});

test('a copy that is killed half way is begun anew, and a removal that is killed is finished', async () => {
  await host.ok('create', '--name', 'half', '-v', 'torn:/etc', 'busybox', 'ls', '/etc');
  await host.ok('rm', 'half');
  // As a killed copy leaves it: the mark, and a part of the files.
  await command('sh', [
    '-c',
    `touch '${host.root}/volumes/torn/copying'; rm '${data('torn')}/passwd'; echo part >'${data('torn')}/group'`,
  ]);
  assert.equal(
    await host.ok(
      'run',
      '--rm',
      '-v',
      'torn:/etc',
      'busybox',
      'sh',
      '-c',
      'head -c 5 /etc/passwd; grep -c part /etc/group || true',
    ),
    'root:0',
  );
  // As a killed removal leaves it: out of reach of users, still there.
  await command('rmdir', [`${host.root}/volumes/torn/users`]);
  assert.equal(await host.ok('run', '--rm', '-v', 'torn:/d', 'busybox', 'ls', '/d'), '');
  await host.ok('volume', 'rm', 'torn');
});

test('what cannot be: names, options, filters, volumes and containers that are not there', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  for (const name of ['x', 'a/b', '.hidden', '-dash', 'with space', 'a'.repeat(256)]) {
    await refused(host, 125, ['volume', 'create', '--', name], /is no name of a volume/);
    await refused(host, 1, ['volume', 'inspect', '-f', '{{.Name}}', '--', name], /no such volume/);
  }
  await refused(host, 1, ['volume', 'rm', 'nosuch'], /no such volume: nosuch/);
  await refused(host, 125, ['volume', 'ls', '--filter', 'size=1'], /there is no filter "size"/);
  await refused(host, 125, ['volume', 'ls', '--filter', 'dangling=perhaps'], /neither true nor false/);
  await refused(host, 125, ['volume', 'prune', '-f', '--filter', 'name=x'], /there is no filter "name"/);
  await refused(
    host,
    1,
    ['run', '--rm', '--volumes-from', 'nobody', 'busybox', 'true'],
    /no such container: nobody/,
  );
  await refused(
    host,
    125,
    ['run', '--rm', '--volumes-from', 'nobody:rx', 'busybox', 'true'],
    /"rx" is neither ro nor rw/,
  );
  const mount = (fields: string) => ['--mount', `type=volume,target=/v,${fields}`];
  await refusedRun(host, mount('source=vol,volume-driver=nfs'), /there is no volume driver "nfs"/);
  await refusedRun(host, mount('source=vol,volume-subpath=../..'), /leads out of the volume/);
  await refusedRun(host, mount('source=vol,volume-subpath=/etc'), /leads out of the volume/);
  await refusedRun(host, mount('source=v/v'), /neither a path nor the name of a volume/);
  await refusedRun(host, mount('source=vol,bind-propagation=rslave'), /bind-propagation/);
  await refusedRun(host, ['-v', 'vol:/v:rslave'], /rslave goes with host paths only/);
  await refusedRun(host, ['-v', 'vol:/v:idmap'], /idmap goes with host paths only/);
  await refusedRun(host, ['-v', '/tmp:/v:nocopy'], /nocopy goes with volumes only/);
  await refusedRun(host, ['-v', 'one:/v', '-v', 'two:/v'], /the same container path \/v/);
  assert.deepEqual(await names(), []);
  const lacks = await host.run([
    'run',
    '--rm',
    ...mount('source=vol,volume-subpath=nosuch'),
    'busybox',
    'true',
  ]);
  assert.equal(lacks.code, 125);
  assert.match(
    lacks.stderr,
    /^mydocker: [^\n]*vol\/_data\/nosuch: ENOENT: there is no nosuch in it; make it first[^\n]*\n$/,
  );
  await host.ok('volume', 'rm', 'vol');
});
