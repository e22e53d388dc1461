import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BlobWriter, hasBlob, putBlob, readBlob } from './content.ts';
import { readIndex, updateIndex } from './content-index.ts';
import { digestOf, type ManifestDigest } from './digest.ts';
import { isAbandoned, isOwnerAlive, ownMark, stagingName } from './owner.ts';

function newRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'mydocker-content-'));
  t.after(() => rmSync(root, { recursive: true }));
  return root;
}

function entry(name: string) {
  return { mediaType: 'x', digest: digestOf(name) as ManifestDigest, size: 1 };
}

test('putBlob() stores bytes under their digest, once', (t) => {
  const root = newRoot(t);
  const digest = putBlob(root, 'hello');
  assert.equal(digest, 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824');
  assert.equal(putBlob(root, 'hello', { sync: true }), digest);
  assert.equal(readBlob(root, digest).toString(), 'hello');
  assert.throws(() => readBlob(root, digestOf('other')), { code: 'MISSING_BLOB' });
});

test('BlobWriter.abort() leaves nothing', (t) => {
  const root = newRoot(t);
  const writer = new BlobWriter(root);
  writer.write(Buffer.from('x'));
  writer.abort();
  assert.equal(hasBlob(root, digestOf('x')), false);
  assert.deepEqual(readdirSync(`${root}/images`).sort(), ['blobs', 'oci-layout']);
});

test('updateIndex() loses no change of many at once, and leaves no lock', async (t) => {
  const root = newRoot(t);
  const all = Array.from({ length: 30 }, (_, i) => entry(String(i)));
  await Promise.all(all.map((one) => updateIndex(root, (index) => index.manifests.push(one))));
  assert.deepEqual(
    readIndex(root)
      .manifests.map((one) => one.digest)
      .sort(),
    all.map((one) => one.digest).sort(),
  );
  assert.deepEqual(readdirSync(`${root}/images`).sort(), ['blobs', 'index.json', 'oci-layout']);
});

test('updateIndex() breaks the lock of a dead process and of a reused pid', async (t) => {
  const root = newRoot(t);
  await updateIndex(root, () => {});
  for (const mark of ['4194305-1', `${process.pid}-1`]) {
    writeFileSync(`${root}/images/.index.lock`, mark);
    await updateIndex(root, (index) => index.manifests.push(entry(mark)));
  }
  assert.equal(readIndex(root).manifests.length, 2);
});

test('updateIndex() writes nothing when the change throws', async (t) => {
  const root = newRoot(t);
  const change = updateIndex(root, (index) => {
    index.manifests.push(entry('a'));
    throw new Error('no');
  });
  await assert.rejects(change, /no/);
  assert.deepEqual(readIndex(root).manifests, []);
});

test('readIndex() says what is wrong with a damaged file', (t) => {
  const root = newRoot(t);
  putBlob(root, 'x');
  for (const text of ['{', '{}', 'null', '{"manifests":[{"digest":"sha256:../../etc"}]}']) {
    writeFileSync(`${root}/images/index.json`, text);
    assert.throws(() => readIndex(root), { code: 'CORRUPT_STORE' }, text);
  }
});

test('isAbandoned() is true only for names of ended processes', () => {
  assert.equal(isOwnerAlive(ownMark()), true);
  assert.equal(isAbandoned(stagingName()), false);
  assert.equal(isAbandoned('.tmp-4194305-77-abcdef'), true);
  assert.equal(isAbandoned('upper'), false);
});

test('isOwnerAlive() is false for a zombie: it will finish nothing', async (t) => {
  // sleep waits for no children, so one that ends after the exec stays a zombie; the shell would have waited.
  const child = '(until grep -q sleep /proc/$$/comm; do sleep 0.01; done) & echo $!; exec sleep 60';
  const parent = spawn('sh', ['-c', child], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => parent.kill('SIGKILL'));
  let text = '';
  for await (const chunk of parent.stdout) {
    text += String(chunk);
    if (text.endsWith('\n')) break;
  }
  const fields = (): string[] => {
    const stat = readFileSync(`/proc/${text.trim()}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  };
  while (fields()[0] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(isOwnerAlive(`${text.trim()}-${fields()[19]}`), false);
});
