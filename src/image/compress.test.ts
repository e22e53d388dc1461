import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { blocksOf, gzipMembers } from './compress.ts';

async function all(source: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const list: Buffer[] = [];
  for await (const chunk of source) list.push(chunk);
  return list;
}

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + (sizes[i % sizes.length] ?? 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

const text = Buffer.from(Array.from({ length: 5000 }, (_, i) => `line ${i}\n`).join(''));

test('blocksOf() cuts at the same places however the bytes arrive', async () => {
  const lengths = async (sizes: number[], bytes: number) =>
    (await all(blocksOf(inPieces(text, sizes), bytes))).map(({ length }) => length);
  const expected = await lengths([text.length], 10_000);
  assert.deepEqual(expected, [10_000, 10_000, 10_000, 10_000, text.length - 40_000]);
  for (const sizes of [[1], [7, 10_000], [9999, 2], [30_000]])
    assert.deepEqual(await lengths(sizes, 10_000), expected);
  assert.deepEqual(await lengths([3], text.length), [text.length]);
  assert.deepEqual(await all(blocksOf(inPieces(Buffer.alloc(0), [1]), 10)), []);
});

test('gzipMembers() gives one gzip file of all blocks in order, the same each time', async () => {
  const packed = Buffer.concat(await all(gzipMembers(inPieces(text, [777]), 4096)));
  assert.ok(gunzipSync(packed).equals(text));
  assert.ok(packed.equals(Buffer.concat(await all(gzipMembers(inPieces(text, [50_000]), 4096)))));
});

test('gzipMembers() hands an error of its source on', async () => {
  const broken = (async function* () {
    yield text;
    throw new Error('the disk is gone');
  })();
  await assert.rejects(all(gzipMembers(broken, 4096)), /the disk is gone/);
});
