/** Layers that mean harm: one clear error each, nothing written elsewhere, the store as before. */
import assert from 'node:assert/strict';
import { lstatSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { command } from './harness.ts';
import { base, directory, gz, host, names, OUTSIDE, publisher, refused, registry, taken } from './hostile.ts';
import { layerOf } from './publish.ts';
import { gnuLong, pax, type RawEntry, rawEntry, rawTar } from './raw-tar.ts';
import { nameIn } from './tree.ts';

test('what is no tar', async () => {
  await refused('nothing', Buffer.alloc(0), /it is empty/);
  await refused('text', Buffer.from('no tar\n'.repeat(500)), /no tar archive/);
  await refused('a wrong sum', rawTar({ name: 'a', sum: '000001\0 ' }), /no tar archive, or a damaged one/);
  await refused('cut in a header', rawTar({ name: 'a' }).subarray(0, 300), /ends in the middle/);
  await refused(
    'cut in a file',
    rawEntry({ name: 'a', data: 'x'.repeat(2000) }).subarray(0, 1024),
    /ends in the middle/,
  );
  await refused('no number', rawTar({ name: 'a', size: 'hello world\0' }), /a number in a header is none/);
  await refused('a negative size', rawTar({ name: 'a', size: '\xff'.repeat(12) }), /a size is out of range/);
  await refused(
    'an endless size',
    rawTar({ name: 'a', size: '\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' }),
    /larger than any file/,
  );
  await refused('an odd type', rawTar({ name: 'a', flag: 'Q' }), /a type no layer can hold/);
  await refused('a socket', rawTar({ name: 'a', flag: 's' }), /a type no layer can hold/);
  await refused(
    'bad records',
    rawTar({ name: 'p', flag: 'x', data: '999 path=x\n' }, { name: 'a' }),
    /malformed/,
  );
  await refused(
    'a NUL in the name of an attribute',
    rawTar(pax(['SCHILY.xattr.user.a\0b', 'x']), { name: 'a' }),
    /NUL/,
  );
  await refused('a NUL in a name', rawTar(pax(['path', 'a\0b']), { name: 'a' }), /NUL/);
});

test('names that lead out: "..", links of the layer, a file below a link to /', async () => {
  const up = '../'.repeat(12) + OUTSIDE.slice(1);
  await refused('..', rawTar({ name: up, data: 'x' }), /leads outside/);
  await refused('.. in the middle', rawTar({ name: `a/../../${up}`, data: 'x' }), /leads outside/);
  await refused('.. in pax', rawTar(pax(['path', up]), { name: 'a', data: 'x' }), /leads outside/);
  await refused('.. in GNU’s long name', rawTar(gnuLong('L', up), { name: 'a', data: 'x' }), /leads outside/);
  await refused('.. in a whiteout', rawTar({ name: `${up}/.wh.x`, data: '' }), /leads outside/);
  await refused('a whiteout of ..', rawTar({ name: '.wh...', data: '' }), /hides no file/);
  await refused('a hard link out', rawTar({ name: 'l', flag: '1', link: up }), /leads outside/);
  await refused(
    'a hard link to the host',
    rawTar({ name: 'l', flag: '1', link: '/etc/shadow' }),
    /no file of this layer/,
  );
  await refused(
    'a hard link through a link',
    rawTar({ name: 'r', flag: '2', link: '/' }, { name: 'l', flag: '1', link: 'r/etc/shadow' }),
    /no file of this layer/,
  );
  await refused(
    'links in a circle',
    rawTar({ name: 'a', flag: '2', link: 'b' }, { name: 'b', flag: '2', link: 'a' }, { name: 'a/x' }),
    /lead in a circle/,
  );
});

test('absolute names and links mean the layer’s own root', async () => {
  assert.deepEqual(await names({ name: OUTSIDE, data: 'x' }), [
    './var',
    './var/tmp',
    `./var/tmp/${directory.slice(9)}`,
    `.${OUTSIDE}`,
  ]);
  const below: RawEntry[] = [
    { name: 'root', flag: '2', link: '/' },
    { name: `root${OUTSIDE}`, data: 'x' },
    { name: 'up', flag: '2', link: '../../../../../../..' },
    { name: `up${OUTSIDE}2`, data: 'y' },
    { name: 'etc', flag: '2', link: '/etc' },
  ];
  const found = await names(...below);
  assert.ok(found.includes(`.${OUTSIDE}`) && found.includes(`.${OUTSIDE}2`) && found.includes('./root'));
  assert.throws(() => lstatSync(`${OUTSIDE}2`), /ENOENT/);
  // A link that is replaced while the archive still writes below it.
  const swapped = await names(
    { name: 'd/', flag: '5' },
    { name: 'd', flag: '2', link: directory },
    { name: 'd/outside', data: 'x' },
  );
  assert.deepEqual(swapped.at(-1), `.${OUTSIDE}`);
});

test('a hard link to a symlink is the symlink: nothing is written through it', async () => {
  const list = await taken(
    { name: 'link', flag: '2', link: OUTSIDE },
    { name: 'hard', flag: '1', link: 'link' },
    { name: 'hard', data: 'a file' },
  );
  assert.deepEqual(
    list.map((line) => line.split('|').slice(0, 2).join(' ')),
    [
      `${Buffer.from('./hard').toString('hex')} 0o100644`,
      `${Buffer.from('./link').toString('hex')} 0o120777`,
    ],
  );
});

test('two entries of one name: the last one is there', async () => {
  const list = await taken(
    { name: 'a', data: 'first', mode: 0o777 },
    { name: 'a', data: 'second', mode: 0o600 },
    { name: 'b/', flag: '5' },
    { name: 'b/x', data: 'x' },
    { name: 'b', data: 'a file now' },
    { name: 'c', data: 'a file' },
    { name: 'c/', flag: '5', mode: 0o711 },
    { name: 'd', flag: '2', link: 'a' },
    { name: 'd', flag: '6' },
  );
  const brief = list.map((line) => `${nameIn(line)} ${line.split('|')[1]} ${line.split('|')[4]}`);
  assert.deepEqual(brief, ['./a 0o100600 6', './b 0o100644 10', './c 0o40711 0', './d 0o10644 0']);
});

test('device nodes in odd places are nodes, and no container can open those it was not given', async () => {
  const entries: RawEntry[] = [
    { name: 'etc/disk', flag: '4', major: 254, minor: 0, mode: 0o666 },
    { name: 'mem', flag: '3', major: 1, minor: 1, mode: 0o666 },
    { name: 'usr/bin/null', flag: '3', major: 1, minor: 3, mode: 0o666 },
    // overlayfs would take it for a whiteout: it hides /hello, as .wh.hello does.
    { name: 'hello', flag: '3', major: 0, minor: 0 },
  ];
  const image = [base, layerOf({ hello: 'hello\n' }), gz(rawTar(...entries))];
  await publisher.publish('nodes', 'v1', { layers: image });
  const name = `${registry.host}/nodes:v1`;
  const script = 'for f in /mem /etc/disk; do head -c 1 $f || echo no; done; echo x > /usr/bin/null && ls /';
  const result = await host.run([
    'run',
    '--rm',
    name,
    'sh',
    '-c',
    `busybox sh -c '${script.replaceAll('head', 'busybox head').replace('ls /', 'busybox ls /')}'`,
  ]);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /^no\nno\n/);
  assert.ok(!result.stdout.split('\n').includes('hello'), result.stdout);
  await host.ok('rmi', name);
});

test('names of 255 bytes and ways of 4,095 are taken, one byte more is not; any byte but / and NUL', async () => {
  const long = 'n'.repeat(255);
  const deep = `${'d'.repeat(254)}/`.repeat(15);
  assert.equal((await names(pax(['path', long]), { name: 'x' }))[0], `./${long}`);
  // 15 × 255 + 269: with the slash before it 4,095 bytes.
  const whole = `${deep}${'e/'.repeat(7)}${'f'.repeat(255)}`;
  assert.equal(whole.length, 4094);
  writeFileSync(`${directory}/deep.tar`, rawTar(gnuLong('L', whole), { name: 'x', data: 'deep' }));
  await host.ok('import', `${directory}/deep.tar`, 'deep');
  await host.ok('rmi', 'deep');
  await refused(
    'a name of 256',
    rawTar(pax(['path', `${long}n`]), { name: 'x' }),
    /longer than the kernel takes/,
  );
  await refused(
    'a way of 4,096',
    rawTar(gnuLong('L', `e${whole}`), { name: 'x' }),
    /longer than the kernel takes/,
  );
  await refused(
    '4,096 bytes in one',
    rawTar(pax(['path', 'x'.repeat(4096)]), { name: 'x' }),
    /longer than the kernel/,
  );
  const odd = Array.from({ length: 255 }, (_, i) => i + 1).filter((byte) => byte !== 0x2f);
  const all = odd.map((byte) => `b${String.fromCharCode(byte)}`);
  const found = await names(...all.map((name) => ({ name, data: 'x' })));
  assert.deepEqual(new Set(found), new Set(all.map((name) => `./${name}`)));
});

test('attributes that are not a layer’s to set are left out; a setuid file keeps its bit, its owner its capability', async () => {
  const list = await taken(
    pax(
      ['SCHILY.xattr.trusted.overlay.redirect', '/etc'],
      ['SCHILY.xattr.user.fine', 'yes'],
      ['SCHILY.xattr.security.selinux', 'x'],
    ),
    { name: 'a', data: 'x', mode: 0o4755, uid: 5 },
    pax(['SCHILY.xattr.trusted.overlay.opaque', 'y'], ['SCHILY.xattr.security.capability', 'no capability']),
    { name: 'd/', flag: '5' },
  );
  assert.deepEqual(
    list.map((line) => line.split('|').slice(1, 4).join(' ')),
    ['0o104755 5 0', '0o40644 0 0'],
  );
  assert.match(list[0] ?? '', /user\.fine=796573\|/);
  const sets = 'set -e; for f in $0/layers/*/d; do getfattr -d -m - "$f"; done 2>/dev/null || true';
  assert.equal((await command('sh', ['-c', sets, host.root])).stdout, '');
});
