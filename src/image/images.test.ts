import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { blobPath, type ManifestDigest, putBlob, updateIndex } from '../storage/index.ts';
import { markPushed } from './enter.ts';
import { fakeShim } from './fake-shim.ts';
import { imageHistory } from './history.ts';
import { importImage } from './import.ts';
import { inspectImage } from './inspect.ts';
import { ensureLayers } from './layer.ts';
import { listImages } from './list.ts';
import { MEDIA } from './manifest.ts';
import { pruneImages } from './prune.ts';
import { parseReference } from './reference.ts';
import { removeImage } from './remove.ts';
import { requireImage, resolveImage } from './store.ts';
import { tagImage } from './tag.ts';
import { tarEntry } from './tar-entry.ts';
import { TAR_END, tarHeader, tarPadding } from './tar-write.ts';

function newRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'mydocker-images-'));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

function tarOf(content: string): Buffer {
  const file = tarEntry('etc/motd', 'file', 0o644, { size: content.length });
  return Buffer.concat([tarHeader(file), Buffer.from(content), tarPadding(content.length), TAR_END]);
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  if (bytes.length > 0) yield bytes;
}

const { openSteps } = fakeShim(true);

function importTar(root: string, tar: Buffer, reference?: string, changes: string[] = []) {
  return importImage({ root, source: { tar: once(tar) }, openSteps, reference, changes, createdMs: 1000 });
}

/** Everything below the root, but the lock-free marker files every store has. */
function treeOf(root: string): string[] {
  return (readdirSync(root, { recursive: true }) as string[]).sort();
}

test('importImage() makes an image that is found by name, id and prefix, gzipped or not', async (t) => {
  const root = newRoot(t);
  const image = await importTar(root, gzipSync(tarOf('hi')), 'team/app:v1', ['CMD ["sh"]']);
  for (const text of [
    'team/app:v1',
    'docker.io/team/app:v1',
    image.id,
    image.id.slice(7),
    image.id.slice(7, 15),
  ]) {
    assert.deepEqual(resolveImage(root, text), image, text);
  }
  assert.equal(resolveImage(root, 'team/app'), undefined);
  assert.equal(readFileSync(`${image.layers[0]}/etc/motd`, 'utf8'), 'hi');
  assert.deepEqual(image.config, { Cmd: ['sh'] });
  const [row] = listImages(root);
  assert.deepEqual(
    [row?.repository, row?.tag, row?.sizeBytes, row?.createdAtMs],
    ['team/app', 'v1', 2, 1000],
  );
  assert.deepEqual(inspectImage(root, 'team/app:v1').RepoTags, ['team/app:v1']);
});

test('importImage() leaves the store as it was when the source is no tar', async (t) => {
  const root = newRoot(t);
  await importTar(root, tarOf('hi'), 'good');
  const before = treeOf(root);
  const bad: Array<readonly [Buffer, RegExp]> = [
    [Buffer.alloc(0), /empty/],
    [Buffer.from('no tar at all'.repeat(100)), /no tar archive/],
    [tarOf('x'.repeat(2000)).subarray(0, 1000), /in the middle/],
    [gzipSync(tarOf('hello')).subarray(0, 60), /gzip/],
    [Buffer.from('fd377a585a000000', 'hex'), /xz/],
  ];
  for (const [bytes, why] of bad) {
    await assert.rejects(
      importTar(root, bytes, 'bad'),
      (error: Error) => why.test(error.message),
      String(why),
    );
    assert.deepEqual(treeOf(root), before);
  }
  await assert.rejects(importTar(root, tarOf('x'), 'Bad Name'), { code: 'BAD_INPUT' });
  assert.deepEqual(treeOf(root), before);
});

test('a name moves to the newer image and the older one stays without', async (t) => {
  const root = newRoot(t);
  const old = await importTar(root, tarOf('old'), 'app');
  const young = await importTar(root, tarOf('young'), 'app');
  assert.equal(resolveImage(root, 'app')?.id, young.id);
  assert.equal(resolveImage(root, old.id)?.reference, '');
  assert.deepEqual(
    listImages(root)
      .map((row) => row.repository)
      .sort(),
    ['<none>', 'app'],
  );
});

test('removeImage() takes one name, then the image and what no other image uses', async (t) => {
  const root = newRoot(t);
  const one = await importTar(root, tarOf('same'), 'one', ['ENV A=1']);
  const two = await importTar(root, tarOf('same'), 'two', ['ENV A=2']);
  assert.deepEqual(one.layers, two.layers);
  const usersOf = () => [];
  const removed = await removeImage({ root, reference: 'one', usersOf });
  assert.deepEqual(removed.untagged, ['one:latest']);
  assert.deepEqual(removed.deleted.sort(), [one.id, one.manifestDigest].sort());
  assert.equal(existsSync(two.layers[0] ?? ''), true);
  await removeImage({ root, reference: two.id.slice(7, 19), usersOf });
  assert.deepEqual(treeOf(root), [
    'images',
    'images/blobs',
    'images/blobs/sha256',
    'images/index.json',
    'images/oci-layout',
    'layers',
  ]);
  await assert.rejects(removeImage({ root, reference: 'two', usersOf }), {
    code: 'NO_SUCH_IMAGE',
    exitCode: 1,
  });
});

test('removeImage() refuses an image in use; with force it only loses its name', async (t) => {
  const root = newRoot(t);
  const image = await importTar(root, tarOf('hi'), 'app');
  const usersOf = () => [{ name: 'bird', status: 'stopped' }];
  await assert.rejects(removeImage({ root, reference: 'app', usersOf }), {
    code: 'IMAGE_IN_USE',
    exitCode: 1,
  });
  assert.deepEqual(await removeImage({ root, reference: 'app', force: true, usersOf }), {
    untagged: ['app:latest'],
    deleted: [],
  });
  assert.equal(resolveImage(root, 'app'), undefined);
  assert.equal(requireImage(root, image.id).layers.length, 1);
});

test('removeImage() sees a container that was made while the list was written, and takes everything back', async (t) => {
  const root = newRoot(t);
  await importTar(root, tarOf('hi'), 'app');
  const index = readFileSync(`${root}/images/index.json`, 'utf8');
  const before = treeOf(root);
  let looks = 0;
  const usersOf = () => (looks++ === 0 ? [] : [{ name: 'bird', status: 'created' }]);
  await assert.rejects(removeImage({ root, reference: 'app', usersOf }), { code: 'IMAGE_IN_USE' });
  assert.deepEqual(treeOf(root), before);
  assert.equal(readFileSync(`${root}/images/index.json`, 'utf8'), index);
});

test('deleteUnused() keeps a layer that a container’s record names, whatever the list says', async (t) => {
  const root = newRoot(t);
  const image = await importTar(root, tarOf('hi'), 'app');
  const id = 'c'.repeat(64);
  mkdirSync(`${root}/containers/${id}`, { recursive: true });
  writeFileSync(`${root}/containers/${id}/container.json`, 'damaged');
  await removeImage({ root, reference: 'app', usersOf: () => [] });
  assert.equal(existsSync(image.layers[0] ?? ''), true, 'nobody knows what that container stands on');
  rmSync(`${root}/containers/${id}`, { recursive: true });
  await pruneImages({ root, usersOf: () => [] });
  assert.equal(existsSync(image.layers[0] ?? ''), false);
});

test('what a registry calls an image is found, shown and removed; it stays when the name moves on', async (t) => {
  const root = newRoot(t);
  const image = await importTar(root, tarOf('hi'), 'localhost:5000/app:v1');
  const reference = parseReference('localhost:5000/app:v1');
  const pushed = `sha256:${'d'.repeat(64)}` as const;
  const name = `localhost:5000/app@${pushed}`;
  assert.deepEqual(inspectImage(root, 'localhost:5000/app:v1').RepoDigests, []);
  await markPushed(root, reference, pushed);
  await tagImage(root, 'localhost:5000/app:v1', 'mine');
  assert.deepEqual(inspectImage(root, 'mine').RepoDigests, [name]);
  assert.equal(resolveImage(root, name)?.id, image.id);
  assert.equal(resolveImage(root, `localhost:5000/other@${pushed}`), undefined);
  await importTar(root, tarOf('newer'), 'localhost:5000/app:v1');
  assert.equal(resolveImage(root, name)?.id, image.id);
  const row = listImages(root).find(({ digest }) => digest === pushed);
  assert.deepEqual([row?.repository, row?.tag], ['localhost:5000/app', '<none>']);
  const { untagged } = await removeImage({ root, reference: name, usersOf: () => [] });
  assert.deepEqual(untagged, [name]);
  assert.deepEqual(inspectImage(root, 'mine').RepoDigests, []);
  assert.equal(listImages(root).length, 2);
});

test('tagImage() leaves no nameless row of an image that has another name', async (t) => {
  const root = newRoot(t);
  await importTar(root, tarOf('old'), 'a');
  await tagImage(root, 'a', 'b');
  await importTar(root, tarOf('young'), 'a');
  assert.deepEqual(
    listImages(root)
      .map(({ repository }) => repository)
      .sort(),
    ['a', 'b'],
  );
});

test('imageHistory() shows layers the history left out, and steps without a layer', async (t) => {
  const root = newRoot(t);
  const image = await importTar(root, tarOf('12345'), 'app');
  const file = JSON.parse(readFileSync(blobPath(root, image.id), 'utf8'));
  writeFileSync(
    blobPath(root, image.id),
    JSON.stringify({ ...file, history: [{ created_by: 'ENV', empty_layer: true }] }),
  );
  assert.deepEqual(
    imageHistory(root, 'app').map(({ id, createdBy, sizeBytes }) => [id, createdBy, sizeBytes]),
    [
      [image.id, '', 5],
      ['<missing>', 'ENV', 0],
    ],
  );
});

test('a foreign index in the list keeps the blobs it leads to', async (t) => {
  const root = newRoot(t);
  const image = await importTar(root, tarOf('hi'), 'app');
  const manifests = [{ mediaType: MEDIA.manifest, digest: image.manifestDigest, size: 1 }];
  const digest = putBlob(root, JSON.stringify({ schemaVersion: 2, manifests })) as ManifestDigest;
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  await updateIndex(root, (index) => index.manifests.push({ mediaType, digest, size: 1 }));
  const blobs = readdirSync(`${root}/images/blobs/sha256`).sort();
  await removeImage({ root, reference: 'app', usersOf: () => [] });
  await pruneImages({ root, usersOf: () => [] });
  assert.deepEqual(readdirSync(`${root}/images/blobs/sha256`).sort(), blobs);
});

test('a damaged image is listed, can be removed, and does not harm the others', async (t) => {
  const root = newRoot(t);
  const bad = await importTar(root, tarOf('bad'), 'bad');
  const good = await importTar(root, tarOf('good'), 'good');
  writeFileSync(blobPath(root, bad.id), 'not json');
  assert.throws(() => resolveImage(root, 'bad'), { code: 'CORRUPT_IMAGE' });
  assert.equal(resolveImage(root, good.id.slice(7, 17))?.reference, 'good');
  assert.equal(listImages(root).length, 2);
  assert.deepEqual((await removeImage({ root, reference: 'bad', usersOf: () => [] })).untagged, [
    'bad:latest',
  ]);
  assert.deepEqual(
    listImages(root).map((row) => row.repository),
    ['good'],
  );
});

test('ensureLayers() unpacks a missing layer again, and refuses bytes of another digest', async (t) => {
  const root = newRoot(t);
  const image = await importTar(root, tarOf('hi'), 'app');
  const dir = image.layers[0] ?? '';
  rmSync(dir, { recursive: true });
  await ensureLayers(root, image, openSteps);
  assert.equal(readFileSync(`${dir}/etc/motd`, 'utf8'), 'hi');
  rmSync(dir, { recursive: true });
  for (const diffId of image.diffIds) writeFileSync(blobPath(root, diffId), tarOf('evil'));
  await assert.rejects(ensureLayers(root, image, openSteps), { code: 'BAD_DIGEST' });
  assert.equal(existsSync(dir), false);
});
