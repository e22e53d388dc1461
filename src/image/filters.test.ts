import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globToRegExp, imageFilter } from './filters.ts';
import type { ImageRow } from './list.ts';

const NOWHERE = '/nonexistent-root';

function row(more: Partial<ImageRow> = {}): ImageRow {
  const digest = `sha256:${'1'.repeat(64)}`;
  return {
    id: digest,
    repository: 'team/app',
    tag: 'v1',
    createdAtMs: 0,
    sizeBytes: 0,
    digest,
    labels: {},
    ...more,
  };
}

test('globToRegExp() reads patterns as Go’s path.Match does', () => {
  const good: Array<readonly [pattern: string, yes: string[], no: string[]]> = [
    ['busybox', ['busybox'], ['busybox2', 'xbusybox']],
    ['*', ['busybox', ''], ['team/app']],
    ['team/*', ['team/app'], ['team/a/b', 'team']],
    ['ap?', ['app'], ['ap', 'ap/']],
    ['v[0-9]', ['v1'], ['v', 'va']],
    ['v[^0-9]', ['va'], ['v1']],
    ['a.c', ['a.c'], ['abc']],
    ['a\\*', ['a*'], ['ab']],
    ['a+(b)|{2}$', ['a+(b)|{2}$'], ['aab']],
  ];
  for (const [pattern, yes, no] of good) {
    for (const text of yes) assert.equal(globToRegExp(pattern)?.test(text), true, `${pattern} ${text}`);
    for (const text of no) assert.equal(globToRegExp(pattern)?.test(text), false, `${pattern} ${text}`);
  }
  for (const bad of ['[', '[]', 'a\\', '[z-a]']) assert.equal(globToRegExp(bad), undefined, bad);
});

test('imageFilter() takes references as alternatives and everything else together', () => {
  const keeps = (list: string[], of: Partial<ImageRow> = {}) => imageFilter(NOWHERE, list)(row(of));
  assert.equal(keeps([]), true);
  assert.equal(keeps(['reference=busybox', 'reference=team/*:v1']), true);
  assert.equal(keeps(['reference=busybox']), false);
  assert.equal(keeps(['reference=docker.io/team/app']), true);
  assert.equal(keeps(['reference=*'], { repository: '<none>', tag: '<none>' }), false);
  assert.equal(keeps(['label=a', 'label=b=1'], { labels: { a: '', b: '1' } }), true);
  assert.equal(keeps(['label=a', 'label=b=2'], { labels: { a: '', b: '1' } }), false);
  assert.equal(keeps(['label!=b=2'], { labels: { b: '1' } }), true);
  assert.equal(keeps(['label=toString']), false);
  assert.equal(keeps(['dangling=true'], { tag: '<none>' }), true);
  assert.equal(keeps(['dangling=0'], { tag: '<none>' }), false);
});

test('imageFilter() reads until= as a duration, a Unix time or a date', () => {
  const keeps = (text: string, createdAtMs: number) => imageFilter(NOWHERE, [text])(row({ createdAtMs }));
  const hourAgo = Date.now() - 3_600_000;
  assert.deepEqual([keeps('until=30m', hourAgo), keeps('until=1h30m', hourAgo)], [true, false]);
  assert.deepEqual([keeps('until=1000', 999_999), keeps('until=1000', 1_000_000)], [true, false]);
  assert.deepEqual([keeps('until=1970-01-02', 0), keeps('until=1970-01-01T00:00:00Z', 0)], [true, false]);
});

test('imageFilter() refuses what it does not know', () => {
  for (const text of [
    'dangling',
    'colour=red',
    '=x',
    'until=soon',
    'reference=[',
    'dangling=maybe',
    '__proto__=1',
  ]) {
    assert.throws(() => imageFilter(NOWHERE, [text]), { code: 'BAD_INPUT' }, text);
  }
  assert.throws(() => imageFilter(NOWHERE, ['dangling=true'], ['until']), { code: 'BAD_INPUT' });
});
