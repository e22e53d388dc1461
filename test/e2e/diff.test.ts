/** `diff`: what a container changed of its image, against a comparison of the two whole trees. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Host } from './harness.ts';
import { random, seed } from './random.ts';
import { nameIn, treeOf } from './tree.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));

before(async () => {
  const root = `${directory}/root`;
  for (const dir of ['bin', 'etc', 'keep/deep/er', 'old/sub', 'swap'])
    mkdirSync(`${root}/${dir}`, { recursive: true });
  for (const file of [
    'keep/a',
    'keep/deep/b',
    'keep/deep/er/c',
    'old/one',
    'old/two',
    'old/sub/three',
    'swap/x',
    'file',
  ])
    writeFileSync(`${root}/${file}`, `${file}\n`);
  symlinkSync('keep', `${root}/link`);
  await host.ok('run', '--rm', '-v', `${root}:/out`, 'busybox', 'cp', '-a', '/bin/.', '/out/bin/');
  await host.ok('import', root, 'base');
});

async function changed(name: string, script: string, image = 'base'): Promise<string[]> {
  const { code, stderr } = await host.run(['run', '--name', name, image, '/bin/sh', '-c', script]);
  assert.equal(code, 0, stderr);
  return (await host.ok('diff', name)).split('\n').filter(Boolean);
}

test('diff: nothing for a container that changed nothing, one entry for `touch /test`', async () => {
  assert.deepEqual(await changed('nothing', 'true'), []);
  assert.deepEqual(await changed('touch', 'touch /test'), ['A /test']);
  assert.equal(
    await host.ok('create', '--name', 'fresh', 'base', 'true').then(() => host.ok('diff', 'fresh')),
    '',
  );
});

test('diff: changes, deletions and additions list the directory they are in; a directory that is gone lists nothing of it', async () => {
  const script =
    'echo x >> /keep/deep/b; rm /file; rm -r /old; mkdir -p /new/dir; echo > /new/dir/f; chmod 700 /swap';
  assert.deepEqual(await changed('plain', script), [
    'D /file',
    'C /keep',
    'C /keep/deep',
    'C /keep/deep/b',
    'A /new',
    'A /new/dir',
    'A /new/dir/f',
    'D /old',
    'C /swap',
  ]);
});

test('diff: a directory removed and made anew lists what is gone, what is other, what is new', async () => {
  const script =
    'rm -r /old; mkdir /old; echo other > /old/one; echo > /old/new; mkdir /old/sub; ln -s x /old/sub/l';
  assert.deepEqual(await changed('anew', script), [
    'C /old',
    'A /old/new',
    'C /old/one',
    'C /old/sub',
    'A /old/sub/l',
    'D /old/sub/three',
    'D /old/two',
  ]);
});

test('diff: a file in the place of a directory, and the other way round', async () => {
  const script =
    'rm -r /old; echo > /old; rm /file; mkdir /file; echo > /file/f; rm -r /swap; ln -s keep /swap; rm /link; mkdir /link';
  assert.deepEqual(await changed('kinds', script), ['C /file', 'A /file/f', 'C /link', 'C /old', 'C /swap']);
});

test('diff: a file that was only opened for writing is no change', async () => {
  assert.deepEqual(await changed('opened', ': >> /keep/a'), []);
});

test('diff: against an image with deletions and opaque directories of its own', async () => {
  await changed('first', 'rm /file; rm -r /old; mkdir /old; echo > /old/fresh; rm -r /swap');
  await host.ok('commit', 'first', 'second');
  assert.deepEqual(await changed('nothing2', 'true', 'second'), []);
  const script = 'rm -r /old; mkdir /old /swap; echo > /old/two; echo > /file';
  assert.deepEqual(await changed('third', script, 'second'), [
    'A /file',
    'C /old',
    'D /old/fresh',
    'A /old/two',
    'A /swap',
  ]);
});

test('diff --format json, --format with a template, and a running container', async () => {
  await host.ok('run', '-d', '--name', 'live', 'base', '/bin/sh', '-c', 'rm /file; echo > /ready; sleep 600');
  const rows = (await host.ok('diff', '--format', 'json', 'plain'))
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(rows[0], { Kind: 'D', Path: '/file' });
  await host.ok('exec', 'live', '/bin/sh', '-c', 'while ! [ -e /ready ]; do sleep 0.1; done');
  assert.equal(await host.ok('diff', '--format', '{{.Kind}}:{{.Path}}', 'live'), 'D:/file\nA:/ready');
  await host.ok('rm', '-f', 'live');
});

test('diff: no such container, no argument', async () => {
  assert.match(await host.fails(1, 'diff', 'nobody'), /no such container: nobody/);
  assert.equal((await host.run(['diff'])).code, 125);
});

/** What `export` gives, as a tree. */
async function exported(container: string, name: string): Promise<string[]> {
  const tar = `${directory}/${name}.tar`;
  await host.ok('export', '-o', tar, container);
  mkdirSync(`${directory}/${name}`);
  execFileSync('tar', ['-xpf', tar, '-C', `${directory}/${name}`]);
  const tree = treeOf(`${directory}/${name}`, { nanoseconds: true });
  rmSync(`${directory}/${name}`, { recursive: true });
  return tree;
}

/** Docker's comparison of two whole trees: moby/go-archive changes.go, ChangesDirs. */
function compare(before: readonly string[], after: readonly string[]): string[] {
  const fieldsOf = (lines: readonly string[]) =>
    new Map(lines.map((line) => [nameIn(line).slice(1), line.split('|').slice(1)]));
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const isDirectory = (fields: string[] | undefined) => fields?.[0]?.startsWith('0o4') === true;
  const found = new Map<string, string>();
  const add = (path: string, kind: string) => {
    found.set(path, kind);
    for (let up = path; up !== ''; up = up.slice(0, up.lastIndexOf('/')))
      if (!found.has(up)) found.set(up, 'C');
  };
  for (const [path, fields] of now) {
    const was = old.get(path);
    if (path === '') continue;
    const isDir = isDirectory(fields);
    // Of a directory its mode and owner only: its size and time are others' doing.
    const facts = (list: string[]) =>
      isDirectory(list) ? list.slice(0, 3) : [...list.slice(0, 7), ...list.slice(8)];
    if (was === undefined) add(path, 'A');
    else if (facts(was).join('|') !== facts(fields).join('|') || isDir !== isDirectory(was)) add(path, 'C');
  }
  for (const path of old.keys()) {
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (!now.has(path) && isDirectory(now.get(parent))) add(path, 'D');
  }
  return [...found]
    .map(([path, kind]) => `${kind} ${path}`)
    .sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
}

const PLACES = [
  '/keep',
  '/keep/deep',
  '/keep/deep/er',
  '/old',
  '/old/sub',
  '/swap',
  '/new',
  '/keep/new',
  '/old/one',
];
const NAMES = ['a', 'b', 'one', 'two', 'three', 'x', 'sub', 'deep', 'fresh'];

function randomCommand(): string {
  const place = PLACES[random(PLACES.length)] ?? '';
  const path = `${place}/${NAMES[random(NAMES.length)]}`;
  const other = `${PLACES[random(PLACES.length)]}/${NAMES[random(NAMES.length)]}`;
  const commands = [
    `rm -rf ${path}`,
    `rm -rf ${place}`,
    `mkdir -p ${path}`,
    `rm -rf ${place}; mkdir -p ${place}`,
    `mkdir -p ${place}; echo ${random(9)} > ${path}`,
    `echo more >> ${path}`,
    `chmod 7${random(8)}${random(8)} ${path}`,
    `chown ${random(3)} ${place}`,
    `mv ${path} ${other}`,
    `ln -f ${path} ${other}`,
    `rm -rf ${path}; ln -s ${other} ${path}`,
    `: >> ${path}`,
    `touch ${path}`,
  ];
  return commands[random(commands.length)] ?? '';
}

test('diff says what a comparison of the exported trees says, for many random changes, three images deep', async () => {
  let listed = 0;
  for (let round = 0; round < 6; round++) {
    let image = 'base';
    for (let depth = 0; depth < 3; depth++) {
      const name = `random-${round}-${depth}`;
      const script = Array.from({ length: 25 }, randomCommand).join('\n');
      await host.ok('create', '--name', `${name}-before`, image, 'true');
      await host.run(['run', '--name', name, image, '/bin/sh', '-c', `{ ${script}\n} 2>/dev/null; true`]);
      const expected = compare(await exported(`${name}-before`, 'before'), await exported(name, 'after'));
      const said = (await host.ok('diff', name)).split('\n').filter(Boolean);
      assert.deepEqual(said, expected, `seed ${seed}, round ${round}, depth ${depth}:\n${script}`);
      listed += said.length;
      image = `random:${round}.${depth}`;
      await host.ok('commit', name, image);
      await host.ok('rm', name, `${name}-before`);
    }
  }
  assert.ok(listed > 50, `${listed} changes in all`);
});
