import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerPacker, packWalk, type WalkKind } from './pack.ts';
import { readEntries } from './tar-entries.ts';
import type { WalkRecord } from './walk.ts';

function record(path: string, mode: number, more: Partial<WalkRecord> = {}): WalkRecord {
  const plain = {
    uid: 0,
    gid: 0,
    dev: 1n,
    ino: 1n,
    nlink: 1,
    rdevMajor: 0,
    rdevMinor: 0,
    mtimeS: 7,
    mtimeNs: 0,
    size: 0,
  };
  return {
    path,
    mode,
    ...plain,
    content: (mode & 0o170000) === 0o100000 ? 'whole' : 'none',
    linkName: '',
    xattrs: [],
    ...more,
  };
}

/** The walk's bytes, as native code writes them. */
function encode(r: WalkRecord, content = ''): Buffer {
  const u32 = (...values: number[]) =>
    Buffer.concat(values.map((v) => Buffer.from(Uint32Array.of(v).buffer)));
  const u64 = (v: bigint) => Buffer.from(BigUint64Array.of(v).buffer);
  const blob = (v: Buffer | string) => {
    const bytes = typeof v === 'string' ? Buffer.from(v, 'latin1') : v;
    return Buffer.concat([u32(bytes.length), bytes]);
  };
  const body = Buffer.concat([
    ...[u32(r.mode, r.uid, r.gid), u64(r.dev), u64(r.ino), u32(r.nlink, r.content === 'whole' ? 1 : 0)],
    ...[u32(r.rdevMajor, r.rdevMinor), u64(BigInt.asUintN(64, BigInt(r.mtimeS))), u32(r.mtimeNs)],
    ...[u64(BigInt(content.length)), blob(r.path), blob(r.linkName), u32(r.xattrs.length)],
    ...r.xattrs.flatMap(([name, value]) => [blob(name), blob(value)]),
  ]);
  return Buffer.concat([u32(body.length), body, Buffer.from(content, 'latin1')]);
}

/** The stream in chunks of one odd size. */
async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function names(kind: WalkKind, ...records: WalkRecord[]): string[] {
  const packer = new LayerPacker(kind);
  return records.flatMap((r) =>
    packer.pack(r).entries.map((entry) => `${entry.type} ${entry.name} ${entry.linkName}`.trim()),
  );
}

const OPAQUE: WalkRecord['xattrs'] = [['trusted.overlay.opaque', Buffer.from('y')]];

test('LayerPacker.pack() turns overlayfs whiteouts into those of a layer', () => {
  const gone = record('d/gone', 0o020000);
  const dir = record('d', 0o040755, { xattrs: OPAQUE });
  assert.deepEqual(names('upper', dir, gone), ['directory d', 'file d/.wh..wh..opq', 'file d/.wh.gone']);
  assert.deepEqual(names('directory', dir, gone), ['directory d', 'character-device d/gone']);
});

test('LayerPacker.pack() links names of one file, skips sockets, and hides overlayfs attributes', () => {
  const twice = { nlink: 2, ino: 9n };
  const socket = record('s', 0o140755);
  assert.deepEqual(
    names(
      'upper',
      record('a', 0o100644, twice),
      record('b', 0o100644, twice),
      socket,
      record('c', 0o100644, { nlink: 2, ino: 8n }),
    ),
    ['file a', 'link b a', 'file c'],
  );
  const { entries } = new LayerPacker('upper').pack(record('d', 0o040755, { xattrs: OPAQUE }));
  assert.deepEqual(entries[0]?.xattrs, []);
});

test('LayerPacker.pack() refuses what a layer cannot say', () => {
  assert.throws(() => names('upper', record('a/.wh.b', 0o100644)), { code: 'CANNOT_PACK' });
  const redirect: WalkRecord['xattrs'] = [['trusted.overlay.redirect', Buffer.from('/x')]];
  assert.throws(() => names('upper', record('a', 0o040755, { xattrs: redirect })), { code: 'CANNOT_PACK' });
});

test('packWalk() writes a tar that readTar() reads back, byte for byte', async () => {
  const long = `deep/${'n'.repeat(120)}/\xff\xfe`;
  const capability = Buffer.from([1, 0, 0, 2, 0x80, 0xff, 10, 0]);
  const walk = Buffer.concat([
    encode(record('', 0o040755, { mtimeS: 3 })),
    encode(record('bin', 0o040755)),
    encode(
      record('bin/su', 0o104755, {
        uid: 5_000_000,
        mtimeS: -2,
        mtimeNs: 250_000_000,
        xattrs: [['security.capability', capability]],
      }),
      'x'.repeat(70_000),
    ),
    encode(record('caf\xc3\xa9', 0o120777, { linkName: `t/${'u'.repeat(150)}` })),
    encode(record(long, 0o100600), 'raw \xff'),
  ]);
  for (const size of [7, 100_000]) {
    const list = await readEntries(packWalk(inChunks(walk, size), 'upper'));
    const seen = list.map(({ entry }) => entry);
    const contents = list.map(({ content }) => content.toString('latin1'));
    assert.deepEqual(
      seen.map((entry) => [
        entry.name,
        entry.type,
        entry.mode,
        entry.uid,
        entry.mtimeS + entry.mtimeNs / 1e9,
      ]),
      [
        ['./', 'directory', 0o755, 0, 3],
        ['bin/', 'directory', 0o755, 0, 7],
        ['bin/su', 'file', 0o4755, 5_000_000, -1.75],
        ['caf\xc3\xa9', 'symlink', 0o777, 0, 7],
        [long, 'file', 0o600, 0, 7],
      ],
    );
    assert.deepEqual(seen[2]?.xattrs, [['security.capability', capability]]);
    assert.equal(seen[3]?.linkName, `t/${'u'.repeat(150)}`);
    assert.deepEqual(
      contents.map((text) => text.length),
      [0, 0, 70_000, 0, 5],
    );
    assert.equal(contents[4], 'raw \xff');
  }
});

test('packWalk() refuses a walk that ends early', async () => {
  const whole = encode(record('a', 0o100644), 'content');
  for (const cut of [0, 2, 30, whole.length - 3]) {
    await assert.rejects(
      async () => {
        for await (const _ of packWalk(inChunks(whole.subarray(0, cut), 10), 'upper'));
      },
      { code: 'INTERNAL' },
    );
  }
});
