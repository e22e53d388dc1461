import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { writeAtomic } from './index.ts';

test('writeAtomic() replaces a file whole, with the mode that was asked for, and leaves nothing beside it', (t) => {
  const directory = mkdtempSync(`${tmpdir()}/mydocker-files-`);
  t.after(() => rmSync(directory, { recursive: true }));
  const path = `${directory}/file`;
  writeAtomic(path, 'one', { sync: false });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const umask = process.umask(0o077);
  writeAtomic(path, Buffer.alloc(200_000, 'x'), { sync: true, mode: 0o755 });
  process.umask(umask);
  assert.equal(readFileSync(path, 'latin1'), 'x'.repeat(200_000));
  assert.equal(statSync(path).mode & 0o777, 0o755);
  assert.deepEqual(readdirSync(directory), ['file']);
});

test('writeAtomic() that fails leaves the old one and nothing else', (t) => {
  const directory = mkdtempSync(`${tmpdir()}/mydocker-files-`);
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(`${directory}/taken`);
  chmodSync(`${directory}/taken`, 0o700);
  assert.throws(() => writeAtomic(`${directory}/taken`, 'text', { sync: false }), { code: 'EISDIR' });
  assert.deepEqual(readdirSync(directory), ['taken']);
});
