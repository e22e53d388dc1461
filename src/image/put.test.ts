import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fakeShim, type Seen } from './fake-shim.ts';
import { type PutOptions, putTree } from './put.ts';
import { type EntryType, type TarEntry, tarEntry } from './tar-entry.ts';
import { TAR_END, tarHeader, tarPadding, tarSparseHeader } from './tar-write.ts';

const entry = (name: string, type: EntryType, more: Partial<TarEntry> = {}): Buffer =>
  tarHeader(tarEntry(name, type, 0o640, more));

function file(name: string, content: string, more: Partial<TarEntry> = {}): Buffer {
  const head = entry(name, 'file', { size: content.length, ...more });
  return Buffer.concat([head, Buffer.from(content), tarPadding(content.length)]);
}

/** The steps, each as its operation and what distinguishes it. */
async function put(parts: Buffer[], options: Partial<PutOptions> = {}): Promise<string[]> {
  const { openSteps, seen } = fakeShim(false);
  const tar = (async function* () {
    yield Buffer.concat([...parts, TAR_END]);
  })();
  const enter = [{ op: 'chroot', path: '/', why: '', where: 'host' }] as const;
  const plain = { slot: 7, followLinks: false, replace: false, owner: undefined };
  await putTree({ tar, enter, openSteps, ...plain, ...options });
  const words = (step: Seen): string =>
    [
      step.op,
      step.path,
      step.from,
      step.target,
      step.uid,
      step.name,
      step.data,
      step.bytes,
      step.flags || undefined,
    ]
      .filter((value) => value !== undefined)
      .join(' ');
  return seen.map(words);
}

test('putTree() puts a directory, what is in it, and its times once more at the end', async () => {
  const steps = await put([entry('./d/', 'directory', { uid: 3 }), file('./d/f', 'text', { uid: 4 })]);
  assert.deepEqual(steps, [
    'put-directory d',
    'put-owner 3',
    'put-end',
    'put-file d/f',
    'put-owner 4',
    'file-data text',
    'put-end',
    'put-directory d',
    'put-end',
  ]);
});

test('putTree() leaves the directory itself as it is, and gives everything to the owner it is told', async () => {
  const steps = await put([entry('./', 'directory', { uid: 3 }), file('f', '', { uid: 4 })], {
    owner: { uid: 9, gid: 9 },
  });
  assert.deepEqual(steps, ['put-file f', 'put-owner 9', 'put-end']);
});

test('putTree() makes links, nodes and holes, and keeps attributes that belong to a file', async () => {
  const xattrs = [
    ['user.a', Buffer.from('1')],
    ['trusted.overlay.opaque', Buffer.from('y')],
  ] as const;
  const sparse = tarSparseHeader(tarEntry('s', 'file', 0o600, { size: 5000 }), [{ offset: 1000, length: 3 }]);
  const steps = await put([
    file('f', '', { xattrs }),
    entry('l', 'link', { linkName: './f' }),
    entry('s', 'symlink', { linkName: '/etc/x', uid: 1 }),
    entry('p', 'fifo'),
    Buffer.concat([sparse.header, Buffer.from('abc'), tarPadding(sparse.storedBytes)]),
  ]);
  assert.deepEqual(steps, [
    ...['put-file f', 'put-owner 0', 'put-xattr user.a', 'put-end', 'put-link l f'],
    ...['put-symlink s /etc/x', 'put-owner 1', 'put-end', 'put-node p', 'put-owner 0', 'put-end'],
    ...['put-file s', 'put-owner 0', 'file-hole 1000', 'file-data abc', 'file-hole 3997', 'put-end'],
  ]);
});

test('putTree() says by flags whether links are followed and files replaced', async () => {
  assert.equal((await put([file('f', '')], { followLinks: true }))[0], 'put-file f 1');
  assert.equal((await put([file('f', '')], { replace: true }))[0], 'put-file f 2');
});

test('putTree() refuses names that lead outside', async () => {
  for (const name of ['../x', 'a/../../x', '..']) {
    await assert.rejects(put([file(name, '')]), { code: 'BAD_LAYER' }, name);
  }
  await assert.rejects(put([entry('l', 'link', { linkName: '../../etc/shadow' })]), { code: 'BAD_LAYER' });
});
