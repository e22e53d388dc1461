import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, humanSize, shortId } from './format.ts';
import { nearest } from './nearest.ts';
import { cut, table, textWidth } from './table.ts';

test('table() lines columns up, wide characters too', () => {
  const text = table([
    ['NAME', 'PID', 'X'],
    ['鸟', '1', 'a'],
    ['é', '', 'b'],
  ]);
  assert.equal(text, 'NAME   PID   X\n鸟     1     a\né            b');
});

test('table() shows control characters instead of sending them', () => {
  assert.equal(table([['a\x1b[2Jb\nc']]), 'a\\x1b[2Jb c');
});

test('textWidth() counts columns', () => {
  assert.equal(textWidth('abc'), 3);
  assert.equal(textWidth('容器'), 4);
  assert.equal(textWidth('e\u0301'), 1);
});

test('cut() ends in an ellipsis', () => {
  assert.equal(cut('abcdef', 6), 'abcdef');
  assert.equal(cut('abcdefg', 6), 'abcde…');
});

test('humanSize(), ago(), shortId() read as Docker’s', () => {
  assert.deepEqual([0, 999, 1000, 4_261_234, 999_950, 72_800_000].map(humanSize), [
    '0B',
    '999B',
    '1kB',
    '4.26MB',
    '1MB',
    '72.8MB',
  ]);
  assert.equal(ago(0, 3 * 86_400_000), '3 days ago');
  assert.equal(ago(0, 60_000), '1 minute ago');
  assert.equal(ago(5, 0), 'just now');
  assert.equal(shortId(`sha256:${'ab12'.repeat(16)}`), 'ab12ab12ab12');
});

test('nearest() finds a slip and nothing far away', () => {
  assert.equal(nearest('stpo', ['stop', 'start']), 'stop');
  assert.equal(nearest('rnu', ['run', 'kill', 'logs']), 'run');
  assert.equal(nearest('insepct', ['inspect', 'info']), 'inspect');
  assert.equal(nearest('frobnicate', ['run', 'rm', 'ps']), undefined);
});
