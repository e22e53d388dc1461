import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { decompressed } from './decompress.ts';

const TEXT = 'hello, layer\n';
/** The text as zstd 1.5 writes it, with a checksum and without. */
const CHECKED = Buffer.from('28b52ffd045869000068656c6c6f2c206c617965720a82b5a970', 'hex');
const PLAIN = Buffer.from('28b52ffd005869000068656c6c6f2c206c617965720a', 'hex');
const SKIPPABLE = Buffer.from('5a2a4d180400000061626364', 'hex');
const GZIP = gzipSync(TEXT);

async function text(bytes: Buffer, step: number): Promise<string> {
  const chunks = (async function* () {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
  })();
  const parts: Buffer[] = [];
  for await (const part of decompressed(chunks)) parts.push(part);
  return Buffer.concat(parts).toString();
}

const GOOD: ReadonlyArray<readonly [what: string, bytes: Buffer, text: string]> = [
  ['plain bytes', Buffer.from(TEXT), TEXT],
  ['nothing', Buffer.alloc(0), ''],
  ['gzip', GZIP, TEXT],
  ['gzip of several members', Buffer.concat([GZIP, GZIP]), TEXT + TEXT],
  ['zstd', CHECKED, TEXT],
  ['zstd of several frames', Buffer.concat([PLAIN, CHECKED, PLAIN]), TEXT.repeat(3)],
  [
    'zstd between skippable frames',
    Buffer.concat([SKIPPABLE, PLAIN, SKIPPABLE, CHECKED, SKIPPABLE]),
    TEXT + TEXT,
  ],
];

test('decompressed() tells gzip, zstd and plain bytes by their beginning, however they are cut', async (t) => {
  for (const [what, bytes, expected] of GOOD) {
    await t.test(what, async () => {
      for (const step of [1, 7, 1000]) assert.equal(await text(bytes, step), expected);
    });
  }
});

test('decompressed() refuses data that is cut, damaged or of another kind', async () => {
  const damaged = Buffer.from(GZIP);
  damaged[15] = 0xff;
  const bad = [
    GZIP.subarray(0, -3),
    damaged,
    CHECKED.subarray(0, -2),
    PLAIN.subarray(0, -2),
    PLAIN.subarray(0, 7),
    Buffer.concat([PLAIN, Buffer.from('no frame is this')]),
    Buffer.from('fd377a585a0000', 'hex'),
    Buffer.from('425a683931', 'hex'),
  ];
  for (const bytes of bad) await assert.rejects(text(bytes, 5), { code: 'BAD_LAYER' }, bytes.toString('hex'));
});

test('decompressed() lets errors of the source through', async () => {
  for (const begin of [GZIP, CHECKED]) {
    const broken = (async function* () {
      yield begin.subarray(0, 12);
      throw new Error('the line is dead');
    })();
    await assert.rejects(async () => {
      for await (const _ of decompressed(broken));
    }, /^Error: the line is dead$/);
  }
});
