/** Layers of too much: terabytes in a few bytes, millions of entries. Refused in time; whoever wants them raises the limit. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { base, directory, host, publisher, refused, registry } from './hostile.ts';
import { pax, rawEntry, rawTar } from './raw-tar.ts';

/** A gzip of members: a few of them, again and again, stand for very much. */
function zipped(first: Buffer, again: Buffer, times: number): Buffer {
  const member = gzipSync(again, { level: 9 });
  return Buffer.concat([
    gzipSync(first),
    ...Array.from({ length: times }, () => member),
    gzipSync(Buffer.alloc(1024)),
  ]);
}

/** Even on a busy machine it takes less. */
const SLOW = { timeoutMs: 300_000 };

test('a bomb of zeros: refused long before the disk is full; whoever wants it raises the limit', async () => {
  const size = `\x80\0\0\0${Buffer.from([0, 0, 0, 2, 0x80, 0, 0, 0]).toString('latin1')}`;
  const blob = zipped(rawEntry({ name: 'zeros', size }), Buffer.alloc(2 ** 28), 40);
  writeFileSync(`${directory}/bomb.tar.gz`, blob);
  assert.ok(blob.length < 12 * 2 ** 20, `${blob.length} bytes`);
  await publisher.publish('bomb', 'zeros', { layers: [base, { blob, diffId: base.diffId }] });
  const { downloads: _, ...store } = host.store() as { downloads: string[] };
  for (const args of [
    ['import', `${directory}/bomb.tar.gz`, 'bomb'],
    ['pull', '-q', `${registry.host}/bomb:zeros`],
    ['load', '-q', '-i', `${directory}/bomb.tar.gz`],
  ]) {
    const result = await host.run(args, SLOW);
    assert.equal(result.code, 125, result.stderr);
    assert.match(result.stderr, /over 500 times as long.*MYDOCKER_MAX_LAYER_BYTES/, args[0]);
    const { downloads: __, ...left } = host.store() as { downloads: string[] };
    assert.deepEqual(left, store);
  }
  // The limit itself, with smaller numbers; the same tar of 100 MB is fine when it is raised.
  const small = rawTar({ name: 'zeros', data: Buffer.alloc(20_000_000) });
  const limit = (n: number): Record<string, string> => ({ MYDOCKER_MAX_LAYER_BYTES: String(n) });
  await refused(
    'too many bytes',
    small,
    /more than 1000000 bytes|longer than 1000000 bytes/,
    limit(1_000_000),
  );
  writeFileSync(`${directory}/small.tar`, small);
  const fine = await host.run(['import', `${directory}/small.tar`, 'fine'], { env: limit(30_000_000) });
  assert.equal(fine.code, 0, fine.stderr);
  await host.ok('rmi', 'fine');
  const odd = await host.run(['import', `${directory}/small.tar`, 'fine'], {
    env: { MYDOCKER_MAX_LAYER_BYTES: 'much' },
  });
  assert.deepEqual([odd.code, /MYDOCKER_MAX_LAYER_BYTES is no whole number/.test(odd.stderr)], [125, true]);
});

test('a sparse file of terabytes in a few bytes is refused; so is one whose map lies', async () => {
  const sparse = (size: string, map: string, data = ''): Buffer =>
    rawTar(pax(['GNU.sparse.major', '0'], ['GNU.sparse.size', size], ['GNU.sparse.map', map]), {
      name: 's',
      data,
    });
  await refused(
    '8 TB of holes',
    sparse(String(8 * 2 ** 40), '0,0'),
    /more than \d+ bytes.*MYDOCKER_MAX_LAYER_BYTES/,
  );
  await refused('backwards', sparse('100', '50,1,0,1', 'ab'), /not in order/);
  await refused('beyond its size', sparse('10', '9,2', 'ab'), /does not fit its size/);
  await refused('more than is stored', sparse('100', '0,50', 'ab'), /does not fit its size/);
});

test('millions of entries: refused at the limit, taken when it is raised', async () => {
  const total = 20_000;
  const tar = rawTar(...Array.from({ length: total }, (_, i) => ({ name: `${i}` })));
  const limit = (n: number): Record<string, string> => ({ MYDOCKER_MAX_LAYER_ENTRIES: String(n) });
  await refused(
    'too many entries',
    tar,
    /more than 10000 entries.*MYDOCKER_MAX_LAYER_ENTRIES/,
    limit(10_000),
  );
  const deep = rawTar({ name: 'a', data: '' }, pax(['path', 'd/'.repeat(1500)]), { name: 'x', flag: '5' });
  await refused('directories that are not named count', deep, /more than 1000 entries/, limit(1000));
  // Ten million of them in a few hundred kilobytes.
  const block = Buffer.concat(Array.from({ length: 100_000 }, () => rawEntry({ name: 'same' })));
  writeFileSync(`${directory}/many.tar.gz`, zipped(rawEntry({ name: 'first' }), block, 100));
  const result = await host.run(['import', `${directory}/many.tar.gz`, 'many'], {
    env: { MYDOCKER_MAX_LAYER_BYTES: String(2 ** 40), MYDOCKER_MAX_LAYER_ENTRIES: '50000' },
    ...SLOW,
  });
  assert.equal(result.code, 125, result.stderr);
  assert.match(result.stderr, /more than 50000 entries/);
  writeFileSync(`${directory}/some.tar`, tar);
  const fine = await host.run(['import', `${directory}/some.tar`, 'fine'], { env: limit(30_000) });
  assert.equal(fine.code, 0, fine.stderr);
  await host.ok('rmi', 'fine');
});
