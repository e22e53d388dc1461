import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MydockerError } from '../base/errors.ts';
import { parseEnd, parseWay } from './copy-ends.ts';

test('parseEnd() tells containers, local paths and streams apart as docker does', () => {
  const container = (name: string, path: string) => ({ kind: 'container', container: name, path });
  const local = (path: string) => ({ kind: 'local', path });
  const table: ReadonlyArray<readonly [string, object]> = [
    ['bird:/etc/hosts', container('bird', '/etc/hosts')],
    ['bird:etc', container('bird', 'etc')],
    ['bird:/a:b', container('bird', '/a:b')],
    ['bird:', container('bird', '')],
    ['file', local('file')],
    ['./bird:/etc', local('./bird:/etc')],
    ['../a:b', local('../a:b')],
    ['/a:b', local('/a:b')],
    ['a/b:c', local('a/b:c')],
    [':/x', local(':/x')],
    ['-', { kind: 'stream' }],
    ['-:/x', container('-', '/x')],
  ];
  for (const [text, end] of table) assert.deepEqual(parseEnd(text), end, text);
});

test('parseWay() wants exactly one side in a container', () => {
  assert.equal(parseWay('a', 'b:/c').to.kind, 'container');
  assert.equal(parseWay('b:/c', '-').from.kind, 'container');
  for (const [from, to] of [
    ['a', 'b'],
    ['-', '-'],
    ['a:/b', 'c:/d'],
    ['', 'a:/b'],
    ['a:/b', ''],
  ] as const) {
    assert.throws(
      () => parseWay(from, to),
      (error) => error instanceof MydockerError && error.code === 'BAD_INPUT',
    );
  }
});
