/** What is in the image store and how it leaves: images, tag, history, rmi, image prune, system df. */
import assert from 'node:assert/strict';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { after, before, test } from 'node:test';
import { command, Host } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));

const blobs = () => readdirSync(`${host.root}/images/blobs/sha256`).sort();
const layers = () => readdirSync(`${host.root}/layers`).filter((name) => /^[0-9a-f]{64}$/.test(name));
const names = async (...args: string[]) =>
  (await host.ok('images', '--format', '{{.Repository}}:{{.Tag}}', ...args)).split('\n').filter(Boolean);

/** An image of one small layer of its own. */
function made(name: string, ...changes: string[]): Promise<string> {
  writeFileSync(`${directory}/rootfs/content`, `${name} ${changes.join()}`);
  return host.ok('import', ...changes.flatMap((text) => ['-c', text]), `${directory}/rootfs`, name);
}

before(async () => {
  mkdirSync(`${directory}/rootfs`);
  await host.ok('run', '--rm', '-v', `${directory}/rootfs:/out`, 'busybox', 'cp', '-a', '/bin', '/out/');
});

test('images: one row a name, newest first; patterns and filters', async () => {
  await made('team/app:v1', 'LABEL stage=test');
  await host.ok('tag', 'team/app:v1', 'team/app:v2');
  await made('localhost:5000/deep/er/name:x', 'LABEL stage=final');
  assert.deepEqual(await names(), [
    'localhost:5000/deep/er/name:x',
    'team/app:v1',
    'team/app:v2',
    'busybox:latest',
  ]);
  assert.deepEqual(await names('team/app'), ['team/app:v1', 'team/app:v2'], 'no tag: all tags');
  assert.deepEqual(await names('team/app:v2'), ['team/app:v2']);
  assert.deepEqual(await names('docker.io/library/busybox'), ['busybox:latest']);
  assert.deepEqual(await names('--filter', 'reference=*/app:v[13-9]'), ['team/app:v1']);
  assert.deepEqual(await names('--filter', 'reference=*'), ['busybox:latest'], 'a star stops at a slash');
  assert.deepEqual(await names('--filter', 'label=stage=test'), ['team/app:v1', 'team/app:v2']);
  assert.equal((await names('--filter', 'label=stage')).length, 3);
  assert.deepEqual(await names('--filter', 'before=team/app:v1'), ['busybox:latest']);
  assert.deepEqual(await names('--filter', 'since=team/app:v1'), ['localhost:5000/deep/er/name:x']);
  assert.deepEqual(await names('--filter', 'until=2030-01-01', 'busybox'), ['busybox:latest']);
  assert.deepEqual(await names('--filter', 'dangling=true'), []);
  for (const bad of ['colour=red', 'dangling=perhaps', 'reference=[', 'until=never', 'dangling']) {
    assert.match(await host.fails(125, 'images', '--filter', bad), /--filter/, bad);
  }
  assert.match(await host.fails(1, 'images', '--filter', 'before=nosuch'), /nosuch/);
  const row = JSON.parse(await host.ok('images', '--format', 'json', 'team/app:v1'));
  assert.deepEqual([row.Repository, row.Tag, row.SharedSize], ['team/app', 'v1', 'N/A']);
});

test('tag: bad names and a missing image change nothing; a name moves from one image to another', async () => {
  const index = readFileSync(`${host.root}/images/index.json`, 'utf8');
  await host.fails(1, 'tag', 'nosuch', 'other');
  await host.fails(125, 'tag', 'busybox', 'Bad Name');
  await host.fails(1, 'tag', 'busybox', `x@sha256:${'0'.repeat(64)}`);
  assert.equal(readFileSync(`${host.root}/images/index.json`, 'utf8'), index);
  const [one, two] = [await made('one'), await made('two')];
  await host.ok('tag', 'two', 'one');
  assert.equal(await host.ok('images', '-q', '--no-trunc', 'one'), two);
  assert.deepEqual(JSON.parse(await host.ok('image', 'inspect', one))[0].RepoTags, []);
  assert.deepEqual(await names('--filter', 'dangling=true'), ['<none>:<none>']);
  await host.ok('tag', one.slice(7, 19), 'one');
  assert.deepEqual(await names('--filter', 'dangling=true'), []);
  assert.deepEqual(JSON.parse(await host.ok('image', 'inspect', two))[0].RepoTags, ['two:latest']);
  await host.ok('rmi', 'one', 'two');
});

test('history: a row a step, with the sizes of the layers', async () => {
  await host.ok(
    'run',
    '--name',
    'writer',
    'team/app:v1',
    '/bin/busybox',
    'dd',
    'if=/dev/zero',
    'of=/big',
    'bs=1000',
    'count=5',
  );
  const id = await host.ok('commit', '-m', 'five thousand', 'writer', 'grown');
  await host.ok('rm', 'writer');
  const rows = (await host.ok('history', '--format', 'json', '--no-trunc', '-H=false', 'grown'))
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    rows.map((row) => [row.ID, row.Comment]),
    [
      [id, 'five thousand'],
      ['<missing>', 'imported'],
    ],
  );
  assert.equal(rows[0].Size, '5000');
  assert.match(rows[0].CreatedBy, /^\/bin\/busybox dd /);
  const text = await host.ok('image', 'history', 'grown');
  assert.match(
    text,
    /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT\n[0-9a-f]{12} .*… +5kB +five thousand\n<missing> /,
  );
  assert.equal(await host.ok('history', '-q', 'grown'), `${id.slice(7, 19)}\n<missing>`);
  await host.fails(1, 'history', 'nosuch');
});

test('a layer stays until the last image that needs it is gone, then it leaves the disk', async () => {
  const below = layers().length;
  await host.ok('rmi', 'team/app:v1', 'team/app:v2');
  assert.equal(layers().length, below, 'grown stands on it');
  assert.equal(await host.ok('run', '--rm', 'grown', '/bin/busybox', 'wc', '-c', '/big'), '5000 /big');
  await host.ok('rmi', 'grown');
  assert.equal(layers().length, below - 2);
});

test('rmi: one of several names is only untagged; an id with several names needs -f', async () => {
  const id = await made('first');
  await host.ok('tag', 'first', 'second:v1');
  await host.ok('tag', 'first', 'third');
  assert.equal(await host.ok('rmi', 'third'), 'Untagged: third:latest');
  assert.match(await host.fails(1, 'rmi', id.slice(7, 19)), /several names.*-f/);
  const lines = (await host.ok('rmi', '-f', id.slice(7, 19))).split('\n');
  assert.deepEqual(lines.slice(0, 3), ['Untagged: first:latest', 'Untagged: second:v1', `Deleted: ${id}`]);
  assert.match(await host.fails(1, 'rmi', id), /no image/);
});

test('rmi of an image in use: refused; -f takes the names, and not even those by id while it runs', async () => {
  const id = await made('used');
  await host.ok('run', '-d', '--name', 'user', 'used', '/bin/busybox', 'sleep', '600');
  const before = [blobs(), layers()];
  for (const ref of ['used', id]) assert.match(await host.fails(1, 'rmi', ref), /container user \(running\)/);
  assert.match(await host.fails(1, 'rmi', '-f', id), /running/);
  assert.deepEqual(await names('used'), ['used:latest']);
  assert.equal(await host.ok('rmi', '-f', 'used'), 'Untagged: used:latest');
  assert.match(await host.fails(1, 'rmi', '-f', id), /running/);
  await host.ok('image', 'prune', '-f');
  assert.deepEqual([blobs(), layers()], before);
  assert.match(await host.ok('exec', 'user', '/bin/busybox', 'cat', '/content'), /^used/);
  await host.ok('stop', '-t', '0', 'user');
  assert.match(await host.fails(1, 'rmi', '-f', id), /stopped/);
  await host.ok('start', 'user');
  await host.ok('rm', '-f', 'user');
  assert.ok((await host.ok('rmi', id)).includes(`Deleted: ${id}`));
});

test('a damaged image: the others work, it is shown and can be removed with all its bytes', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const before = [blobs(), layers()];
  for (const what of ['manifest', 'config'] as const) {
    const id = await made('damaged');
    const [{ Descriptor }] = JSON.parse(await host.ok('image', 'inspect', 'damaged'));
    const digest: string = what === 'config' ? id : Descriptor.digest;
    if (what === 'config') rmSync(`${host.root}/images/blobs/sha256/${digest.slice(7)}`);
    else truncateSync(`${host.root}/images/blobs/sha256/${digest.slice(7)}`, 20);
    assert.match(await host.ok('images', 'damaged'), /damaged +latest +[0-9a-f]{12} +damaged/);
    assert.equal(await host.ok('run', '--rm', 'busybox', 'echo', 'fine'), 'fine');
    await host.fails(125, 'run', '--rm', 'damaged');
    await host.ok('rmi', 'damaged');
    assert.deepEqual([blobs(), layers()], before, what);
  }
});

test('image prune asks, and removes images without a tag; -a: all without a container; filters', async () => {
  const old = await made('pruned', 'LABEL keep=no');
  await made('pruned', 'LABEL keep=yes');
  const no = await host.run(['image', 'prune'], { input: 'n\n' });
  assert.equal(no.code, 1);
  assert.match(no.stderr, /dangling images[\s\S]*\[y\/N\]/);
  assert.equal((await names('--filter', 'dangling=true')).length, 1);
  assert.match(await host.ok('image', 'prune', '-f', '--filter', 'until=1h'), /^Total reclaimed space: 0B$/);
  const yes = await host.run(['image', 'prune'], { input: 'y\n' });
  assert.match(yes.stdout, new RegExp(`^Deleted Images:\ndeleted: ${old}\n`));
  assert.match(yes.stdout, /\n\nTotal reclaimed space: [1-9][\d.]*MB\n$/);
  await host.ok('create', '--name', 'holder', 'busybox', 'true');
  await made('loose');
  await host.ok('image', 'prune', '-a', '-f', '--filter', 'label!=keep');
  assert.deepEqual((await names()).sort(), ['busybox:latest', 'pruned:latest']);
  await host.fails(125, 'image', 'prune', '-f', '--filter', 'dangling=true');
  assert.match(
    await host.ok('system', 'prune', '-a', '-f'),
    /^Deleted Containers:\n[0-9a-f]{64}\n\nDeleted Images:\n/,
  );
  assert.deepEqual([await names(), blobs(), layers()], [[], [], []]);
});

/** "pid-startticks" of this process, which lives. */
function ownMark(): string {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  return `${process.pid}-${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
}

const orphan = 'ab'.repeat(32);

/** What commands leave that were killed before they entered their image. */
function plantOrphans(): string[] {
  const paths = [`images/blobs/sha256/${orphan}`, `layers/${orphan}.json`, `downloads/${orphan}.part`];
  mkdirSync(`${host.root}/downloads`, { recursive: true });
  mkdirSync(`${host.root}/layers/${orphan}/deep`, { recursive: true });
  for (const path of paths) writeFileSync(`${host.root}/${path}`, 'x'.repeat(5000));
  return [...paths, `layers/${orphan}`].map((path) => `${host.root}/${path}`);
}

test('image prune removes what belongs to no image, but nothing while a living process stores', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const paths = plantOrphans();
  const mark = `${host.root}/images/.tmp-${ownMark()}-abcdef`;
  writeFileSync(mark, '');
  const result = await host.run(['image', 'prune', '-f']);
  assert.match(result.stderr, /another command/);
  assert.deepEqual(paths.filter(existsSync), paths);
  rmSync(mark);
  symlinkSync(ownMark(), `${host.root}/downloads/${orphan}.claim`);
  await host.ok('image', 'prune', '-f');
  assert.deepEqual(
    paths.filter(existsSync),
    [`${host.root}/downloads/${orphan}.part`],
    'it is being written',
  );
  rmSync(`${host.root}/downloads/${orphan}.claim`);
  assert.match(await host.ok('image', 'prune', '-f'), /Total reclaimed space: 8.19kB/);
  assert.deepEqual(paths.filter(existsSync), []);
  assert.equal(await host.ok('run', '--rm', 'busybox', 'echo', 'whole'), 'whole');
});

test('system df: every byte below the root directory has one owner', async () => {
  plantOrphans();
  await host.ok(
    'run',
    '--name',
    'full',
    'busybox',
    'sh',
    '-c',
    'dd if=/dev/zero of=/data bs=1k count=100; ln /data /same',
  );
  await host.ok('tag', 'busybox', 'twice');
  await made('more');
  writeFileSync(`${host.root}/unknown`, 'y'.repeat(10_000));
  linkSync(`${host.root}/unknown`, `${host.root}/names/.same`);
  writeFileSync(`${host.root}/containers/sparse`, '');
  truncateSync(`${host.root}/containers/sparse`, 1e9);
  const rows = (await host.ok('system', 'df', '--format', 'json'))
    .split('\n')
    .map((line) => JSON.parse(line));
  const du = await command('du', ['-s', '-B1', host.root]);
  const bytes = Object.fromEntries(rows.map((row) => [row.Type, row.Bytes]));
  const sum = Object.values(bytes).reduce((a: number, b) => a + Number(b), 0);
  assert.equal(sum, Number(du.stdout.split('\t')[0]));
  assert.deepEqual(Object.keys(bytes), ['Images', 'Containers', 'Unfinished', 'Engine']);
  assert.ok(bytes.Unfinished >= 15_000, String(bytes.Unfinished));
  assert.ok(bytes.Containers >= 100 * 1024 && bytes.Containers < 200 * 1024, 'a hard link counts once');
  assert.deepEqual([rows[0].TotalCount, rows[0].Active], ['2', '1']);
  assert.match(await host.ok('system', 'df'), /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +1 /);
  const verbose = JSON.parse(await host.ok('system', 'df', '-v', '--format', 'json'));
  const shown = (name: string) =>
    verbose.Images.find((row: { Repository: string }) => row.Repository === name);
  assert.equal(shown('twice').Size, shown('busybox').Size);
  assert.equal(shown('busybox').Containers, '1');
  assert.equal(verbose.Containers[0].Names, 'full');
  for (const path of ['unknown', 'names/.same', 'containers/sparse']) rmSync(`${host.root}/${path}`);
  await host.ok('rm', 'full');
  await host.ok('image', 'prune', '-f');
});
