/** Layers as other programs write them: every form of tar, and what one layer does to those below it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { digestOf, Publisher, type TestLayer } from './publish.ts';
import { PullHost } from './pulls.ts';
import { random, seed } from './random.ts';
import { type RawEntry, rawTar } from './raw-tar.ts';
import { Registry } from './registry.ts';
import { Tools } from './tools.ts';
import { nameIn, treeOf } from './tree.ts';

const host = new PullHost();
const directory = mkdtempSync('/var/tmp/mydocker-layers-');
const tools = new Tools();
const registry = await Registry.start();
after(async () => {
  await tools.close();
  await registry.stop();
  rmSync(directory, { recursive: true });
});

const sh = (script: string): void => {
  execFileSync('sh', ['-ec', script], { cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] });
};

before(() => {
  // What every form can hold; then what GNU's can; then what only pax can.
  sh(`
    mkdir -p plain/dir/deep plain/empty; cd plain
    echo one > dir/file; ln dir/file dir/deep/hard; ln -s ../file dir/deep/soft; ln -s /nowhere dangling
    : > empty-file; head -c 70000 /dev/urandom > large; head -c 65536 /dev/urandom > at-64k
    chmod 4755 dir/file; chmod 1777 empty; chmod 000 empty-file
    chown 12345:54321 large; chown -h 7:8 dangling
    touch -d '1999-12-31 23:59:59' dir/file; touch -h -d @1 dangling; touch -d @2000000000 large dir
    cd ..; cp -a plain gnu; cd gnu
    mkfifo pipe; mknod zero c 1 5; mknod disk b 7 300
    long=$(printf 'n%.0s' $(seq 1 255)); echo long > $long; ln -s $long-$long link-to-long
    deep=d$long; deep=\${deep%n}; mkdir -p $deep/$deep/$deep
    echo deep > $deep/$deep/$deep/$deep; ln $deep/$deep/$deep/$deep hard-to-deep
    printf x > "$(printf 'latin1-\\344\\366\\374')"; printf y > "$(printf 'broken-\\377\\376\\n-line')"; printf z > 'back\\slash "quote"'
    chown 4000000:3000000 pipe
    truncate -s 3M holes; printf middle | dd of=holes bs=1 seek=1000000 conv=notrunc 2>/dev/null
    truncate -s 1M all-hole
    i=0; truncate -s 4M many; while [ $i -lt 30 ]; do echo $i | dd of=many bs=1 seek=$((i*131072)) conv=notrunc 2>/dev/null; i=$((i+1)); done
    cd ..; cp -a gnu pax; cd pax
    setfattr -n user.note -v 'some words' large; setfattr -n user.bytes -v 0x00ff0a3d large
    cp /bin/true capable; setcap cap_net_bind_service=ep capable
    setfattr -n user.dir -v d dir
    touch -d '2001-02-03 04:05:06.123456789' large; touch -d '1969-12-31 23:59:58.25' early; touch -d '1969-12-31 23:59:58' at-64k; touch -d @5.5 .
  `);
});

/** Imports a file and compares what the layer holds with its source. */
async function unpacksAs(
  source: string,
  file: string,
  ns: boolean,
  what: string,
  without = '',
): Promise<void> {
  const name = `kind:${what.replace(/[^a-z0-9]+/gi, '_')}`;
  const before = layers();
  await host.ok('import', file, name);
  const [layer = ''] = layers().filter((one) => !before.includes(one));
  const options = ns ? { nanoseconds: true } : {};
  const [found = [], packed] = [`${host.root}/layers/${layer}`, `${directory}/${source}`].map((path) =>
    treeOf(path, options).filter((line) => nameIn(line) !== without),
  );
  assert.deepEqual(found, packed, what);
  await host.ok('rmi', name);
}

const layers = (): string[] =>
  readdirSync(`${host.root}/layers`).filter((name) => /^[0-9a-f]{64}$/.test(name));

test('what tar programs write comes out as it went in: V7, ustar, GNU, pax, with and without sparse maps', async () => {
  const kinds: ReadonlyArray<readonly [source: string, args: string, ns?: boolean]> = [
    ['plain', '--format=v7'],
    ['plain', '--format=ustar'],
    ['gnu', '--format=oldgnu'],
    ['gnu', '--format=gnu'],
    ['gnu', '--format=gnu --sparse'],
    ['gnu', '--format=oldgnu --sparse --hole-detection=raw'],
    ['pax', '--format=posix --xattrs --xattrs-include=*', true],
    ['pax', '--format=posix --xattrs --xattrs-include=* --sparse --sparse-version=0.0', true],
    ['pax', '--format=posix --xattrs --xattrs-include=* --sparse --sparse-version=0.1', true],
    ['pax', '--format=posix --xattrs --xattrs-include=* --sparse --sparse-version=1.0', true],
  ];
  await host.ok('run', '--rm', 'busybox', 'true');
  for (const [source, args, ns = false] of kinds) {
    execFileSync('tar', [
      '-C',
      `${directory}/${source}`,
      ...args.split(' '),
      '-cf',
      `${directory}/t.tar`,
      '.',
    ]);
    await unpacksAs(source, `${directory}/t.tar`, ns, args);
  }
});

test('Python, libarchive and busybox write them too', async () => {
  for (const format of ['USTAR', 'GNU', 'PAX']) {
    const source = format === 'USTAR' ? 'plain' : 'gnu';
    const script = `import os,sys,tarfile
t=tarfile.open(sys.argv[2],'w',format=tarfile.${format}_FORMAT,encoding='utf-8',errors='surrogateescape'); t.add(sys.argv[1],arcname='.'); t.close()`;
    execFileSync('python3', ['-c', script, `${directory}/${source}`, `${directory}/t.tar`]);
    await unpacksAs(source, `${directory}/t.tar`, false, `python ${format}`);
  }
  for (const format of ['ustar', 'pax', 'gnutar']) {
    const source = format === 'ustar' ? 'plain' : format === 'pax' ? 'pax' : 'gnu';
    const args = ['-C', `${directory}/${source}`, '--format', format, '-cf', `${directory}/t.tar`, '.'];
    execFileSync('bsdtar', args, {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { LC_ALL: 'C', PATH: process.env.PATH },
    });
    // It writes -1.75 s as "-2.25": pax(1) knows no such time.
    await unpacksAs(source, `${directory}/t.tar`, format === 'pax', `libarchive ${format}`, './early');
  }
  execFileSync('busybox', ['tar', '-C', `${directory}/plain`, '-cf', `${directory}/t.tar`, '.']);
  await unpacksAs('plain', `${directory}/t.tar`, false, 'busybox');
});

test('holes stay holes: a sparse file takes no more room than it says', async () => {
  const gib = 2 ** 30;
  sh(
    `mkdir wide && truncate -s ${gib} wide/file && printf end | dd of=wide/file bs=1 seek=${gib - 3} conv=notrunc 2>/dev/null`,
  );
  execFileSync('tar', ['-C', `${directory}/wide`, '--sparse', '-cf', `${directory}/t.tar`, '.']);
  const known = layers();
  await host.ok('import', `${directory}/t.tar`, 'wide');
  const [layer = ''] = layers().filter((one) => !known.includes(one));
  const { size, blocks } = statSync(`${host.root}/layers/${layer}/file`);
  assert.equal(size, gib);
  assert.ok(blocks * 512 < 10 * 2 ** 20, `${blocks * 512} bytes on the disk`);
  await host.ok('rmi', 'wide');
});

const gz = (tar: Buffer): TestLayer => ({ blob: gzipSync(tar, { level: 1 }), diffId: digestOf(tar) });
const publisher = new Publisher(registry.host);

/** What a container of an image sees, and what umoci makes of the same image: entry by entry. */
async function seenBoth(
  tag: string,
  list: readonly TestLayer[],
): Promise<[ours: string[], theirs: string[]]> {
  await publisher.publish('stack', tag, { layers: list });
  const name = `${registry.host}/stack:${tag}`;
  await host.ok('pull', '-q', name);
  const id = await host.ok('create', name, 'none');
  const ours = `${directory}/ours-${tag}`;
  mkdirSync(ours);
  await host.ok('export', '-o', `${directory}/e.tar`, id);
  execFileSync('tar', ['-C', ours, '--xattrs', '--xattrs-include=*', '-xpf', `${directory}/e.tar`]);
  await host.ok('rm', id);
  await host.ok('rmi', name);
  await tools.skopeo(
    'copy',
    '-q',
    '--src-tls-verify=false',
    `docker://${name}`,
    `oci:${directory}/layout:${tag}`,
  );
  await tools.umoci('unpack', '--image', `${directory}/layout:${tag}`, `${directory}/theirs-${tag}`);
  const trees = [ours, `${directory}/theirs-${tag}/rootfs`].map((path) => withoutRoot(treeOf(path)));
  rmSync(ours, { recursive: true });
  rmSync(`${directory}/theirs-${tag}`, { recursive: true });
  return trees as [string[], string[]];
}

/** Without the root itself, whose time umoci sets anew, and what a new container has for mounts. */
function withoutRoot(lines: readonly string[]): string[] {
  return lines.filter((line) => !/^\.$|^\.\/(dev|proc|sys|etc)(\/|$)/.test(nameIn(line)));
}

test('whiteouts, opaque directories, files for directories and back, hard links across layers', async () => {
  const bottom: RawEntry[] = [
    { name: './', flag: '5', mode: 0o755 },
    { name: 'a/', flag: '5', mode: 0o750, uid: 5 },
    { name: 'a/x', data: 'x' },
    { name: 'a/y', data: 'y' },
    { name: 'b/', flag: '5', mode: 0o700 },
    { name: 'b/x', data: 'x' },
    { name: 'b/sub/', flag: '5', mode: 0o711 },
    { name: 'b/sub/z', data: 'z', mode: 0o4711 },
    { name: 'file', data: 'a file' },
    { name: 'linked', data: 'linked', uid: 77 },
    { name: 'gone', data: 'gone' },
    { name: 'lib', flag: '2', link: 'b/sub' },
    { name: 'to-dir', flag: '2', link: 'a' },
  ];
  const top: RawEntry[] = [
    // The marker comes after what it must not hide, and before.
    { name: 'b/new', data: 'new' },
    { name: 'b/.wh..wh..opq', data: '' },
    { name: 'b/newer', data: 'newer' },
    { name: 'a/.wh.x', data: '' },
    { name: '.wh.gone', data: '' },
    { name: '.wh.never-there', data: '' },
    { name: 'file/', flag: '5', mode: 0o755 },
    { name: 'file/inside', data: 'was a file' },
    { name: 'hard', flag: '1', link: 'linked' },
    { name: 'to-dir/', flag: '5', mode: 0o755 },
    { name: 'to-dir/own', data: 'a directory of its own' },
  ];
  const third: RawEntry[] = [
    { name: '.wh.a', data: '' },
    { name: 'a', data: 'a file now' },
    { name: 'file', data: 'a file again' },
    { name: 'gone', data: 'back' },
  ];
  const stack = [bottom, top, third].map((list) => gz(rawTar(...list)));
  for (const count of [2, 3]) {
    const [ours, theirs] = await seenBoth(`fixed-${count}`, stack.slice(0, count));
    assert.deepEqual(ours, theirs, `${count} layers`);
  }
});

/** A layer of some entries over a few names, in an order that some program might write. */
function randomLayer(isFirst: boolean): RawEntry[] {
  const names = ['p', 'q', 'r'];
  const pick = (): string => names[random(names.length)] ?? 'p';
  const entries: RawEntry[] = isFirst ? [{ name: './', flag: '5', mode: 0o755 }] : [];
  const made = new Set<string>();
  for (let n = 0; n < 3 + random(6); n++) {
    const parts = Array.from({ length: 1 + random(3) }, pick);
    const name = parts.join('/');
    // Parents are named first, as every program does; one name once.
    const parents = parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'));
    const clash = made.has(name) || parents.some((path) => made.has(path) && !made.has(`${path}/`));
    if (clash || made.has(`${name}/`)) continue;
    for (const path of parents) {
      if (made.has(`${path}/`)) continue;
      made.add(path).add(`${path}/`);
      entries.push({ name: `${path}/`, flag: '5', mode: 0o755, mtimeS: 1 + random(1e6) });
    }
    made.add(name);
    const kind = random(isFirst ? 3 : 5);
    const mtimeS = 1 + random(1e6);
    if (kind === 0) {
      made.add(`${name}/`);
      entries.push({ name: `${name}/`, flag: '5', mode: 0o700 + random(64), mtimeS });
      if (!isFirst && random(3) === 0) entries.push({ name: `${name}/.wh..wh..opq`, data: '' });
    } else if (kind < 3) entries.push({ name, data: `${random(1e6)}`, uid: random(9), mtimeS });
    else entries.push({ name: name.replace(/[^/]+$/, '.wh.$&'), data: '' });
  }
  return entries;
}

test('layers at random, stacked at random: a container sees what umoci unpacks', async () => {
  for (let round = 0; round < 8; round++) {
    const list = Array.from({ length: 2 + random(3) }, (_, i) => randomLayer(i === 0));
    const [ours, theirs] = await seenBoth(
      `random-${round}`,
      list.map((entries) => gz(rawTar(...entries))),
    );
    assert.deepEqual(ours, theirs, `round ${round}, seed ${seed}: ${JSON.stringify(list)}`);
  }
});

test('one layer of hard names and attributes: registry, pull, save, skopeo, umoci: entry by entry the same', async () => {
  const flags = ['--format=posix', '--xattrs', '--xattrs-include=*', '--sparse'];
  const tar = execFileSync('tar', ['-C', `${directory}/pax`, ...flags, '-c', '.'], { maxBuffer: 2 ** 28 });
  const source = treeOf(`${directory}/pax`);
  await publisher.publish('hard', 'v1', { layers: [gz(tar)] });
  const name = `${registry.host}/hard:v1`;
  await host.ok('pull', '-q', name);
  const id = await host.ok('create', name, 'none');
  await host.ok('export', '-o', `${directory}/e.tar`, id);
  await host.ok('rm', id);
  mkdirSync(`${directory}/exported`);
  execFileSync('tar', [
    '-C',
    `${directory}/exported`,
    '--xattrs',
    '--xattrs-include=*',
    '-xpf',
    `${directory}/e.tar`,
  ]);
  assert.deepEqual(
    withoutRoot(treeOf(`${directory}/exported`)),
    withoutRoot(source),
    'what the container sees',
  );
  await host.ok('save', '--format', 'oci-archive', '-o', `${directory}/saved.tar`, name);
  await tools.skopeo('copy', '-q', `oci-archive:${directory}/saved.tar`, `oci:${directory}/layout:hard`);
  await tools.umoci('unpack', '--image', `${directory}/layout:hard`, `${directory}/hard`);
  assert.deepEqual(
    withoutRoot(treeOf(`${directory}/hard/rootfs`)),
    withoutRoot(source),
    'what umoci unpacks',
  );
  writeFileSync(`${directory}/done`, '');
});
