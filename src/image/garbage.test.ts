import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { blobPath, imagesDir, putBlob, stagingName } from '../storage/index.ts';
import { sweepStore, whileStoring } from './garbage.ts';

const root = mkdtempSync('/tmp/mydocker-garbage-');
after(() => rmSync(root, { recursive: true }));

/** A blob and a layer that no image names, as a command leaves them that is killed before it enters its image. */
function orphans(): () => boolean[] {
  const blob = putBlob(root, `orphan ${Math.random()}`);
  const layer = `${root}/layers/${'ab'.repeat(32)}`;
  mkdirSync(layer, { recursive: true });
  writeFileSync(`${layer}.json`, '{}');
  return () => [blobPath(root, blob), layer, `${layer}.json`].map((path) => existsSync(path));
}

test('sweepStore() deletes what no image names once a command died, and its mark', async () => {
  const there = orphans();
  await sweepStore(root);
  assert.deepEqual(there(), [true, true, true], 'nobody died: nothing to look for');
  writeFileSync(`${imagesDir(root)}/.tmp-1-1-abcdef`, '');
  await sweepStore(root);
  assert.deepEqual(there(), [false, false, false]);
  assert.deepEqual(
    readdirSync(imagesDir(root)).filter((name) => name.startsWith('.')),
    [],
  );
});

test('sweepStore() deletes nothing while somebody is storing', async () => {
  writeFileSync(`${imagesDir(root)}/.tmp-1-1-abcdef`, '');
  await whileStoring(root, async () => {
    const there = orphans();
    await sweepStore(root);
    assert.deepEqual(there(), [true, true, true]);
  });
  const there = orphans();
  await sweepStore(root);
  assert.deepEqual(there(), [false, false, false], 'and does it afterwards');
});

test('whileStoring() leaves no mark after an error', async () => {
  await assert.rejects(
    whileStoring(root, () => Promise.reject(new Error('no'))),
    /no/,
  );
  assert.deepEqual(
    readdirSync(imagesDir(root)).filter((name) => name.startsWith(stagingName().slice(0, 5))),
    [],
  );
});
