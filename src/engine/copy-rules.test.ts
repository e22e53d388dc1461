import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MydockerError } from '../base/index.ts';
import { type CopyTarget, cleanPath, landing, meansContent, meansDirectory } from './copy-rules.ts';

test('cleanPath() resolves "." and "..", and stays below the root', () => {
  const table: ReadonlyArray<readonly [string, string]> = [
    ['/', '/'],
    ['/a//b/./c/', '/a/b/c'],
    ['/a/../../../b', '/b'],
    ['a/b', '/base/a/b'],
    ['..', '/'],
    ['.', '/base'],
    ['...', '/base/...'],
  ];
  for (const [path, clean] of table) assert.equal(cleanPath(path, '/base'), clean, path);
});

test('meansDirectory() and meansContent() look at the end of a path', () => {
  for (const path of ['/', 'a/', 'a/.', '.', '..', 'a/..', '/.']) assert.ok(meansDirectory(path), path);
  for (const path of ['a', '/a', 'a.', 'a..', '/a/.b', 'a/...']) assert.ok(!meansDirectory(path), path);
  for (const path of ['.', 'a/.', '/.']) assert.ok(meansContent(path), path);
  for (const path of ['a', 'a/', '..', 'a/..', 'a.']) assert.ok(!meansContent(path), path);
});

const DIRECTORY: CopyTarget = { path: '/d', kind: 'directory' };
const FILE: CopyTarget = { path: '/d/f', kind: 'other' };
const NOTHING: CopyTarget = { path: '/d/new', kind: 'nothing' };

test('landing() follows the rules of docker cp', () => {
  const table: ReadonlyArray<readonly [string, boolean, CopyTarget, string, string]> = [
    ['/s/file', false, DIRECTORY, '/d', '/d file'],
    ['/s/file', false, FILE, '/d/f', '/d f'],
    ['/s/file', false, NOTHING, '/d/new', '/d new'],
    ['/s/file', false, NOTHING, '/d/new/', 'NO_SUCH_PATH'],
    ['/s/file', false, FILE, '/d/f/', 'CANNOT_REPLACE'],
    ['/s/dir', true, DIRECTORY, '/d', '/d dir'],
    ['/s/dir/', true, DIRECTORY, '/d', '/d dir'],
    ['/s/dir/.', true, DIRECTORY, '/d', '/d .'],
    ['/', true, DIRECTORY, '/d', '/d .'],
    ['/s/dir', true, NOTHING, '/d/new/', '/d new'],
    ['/s/dir/.', true, NOTHING, '/d/new', '/d new'],
    ['/s/dir', true, FILE, '/d/f', 'CANNOT_REPLACE'],
    ['/s/file', false, { path: '/new', kind: 'nothing' }, '/new', '/ new'],
  ];
  for (const [path, isDirectory, target, asked, expected] of table) {
    let got: string;
    try {
      const { directory, name } = landing({ path, isDirectory }, target, asked);
      got = `${directory} ${name}`;
    } catch (error) {
      if (!(error instanceof MydockerError)) throw error;
      got = error.code;
    }
    assert.equal(got, expected, `${path} -> ${asked}`);
  }
});
