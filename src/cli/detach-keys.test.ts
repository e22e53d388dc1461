import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_DETACH_KEYS, DetachKeys, parseDetachKeys } from './detach-keys.ts';

const P = '\x10';
const Q = '\x11';

function type(keys: string, ...chunks: string[]): string[] {
  const looking = new DetachKeys(parseDetachKeys(keys));
  return chunks.map((chunk) => {
    const { pass, detach } = looking.feed(Buffer.from(chunk));
    return pass.toString() + (detach ? '<detach>' : '');
  });
}

test('parseDetachKeys() reads control keys and characters', () => {
  assert.deepEqual(parseDetachKeys(DEFAULT_DETACH_KEYS), [16, 17]);
  assert.deepEqual(parseDetachKeys('ctrl-@,ctrl-[,ctrl-\\,ctrl-A,x'), [0, 27, 28, 1, 120]);
  for (const text of ['', 'ctrl-', 'ctrl-1', 'ab', 'a,'])
    assert.throws(() => parseDetachKeys(text), { code: 'BAD_INPUT' }, text);
});

test('DetachKeys.feed() leaves at the sequence, in one piece or two', () => {
  assert.deepEqual(type(DEFAULT_DETACH_KEYS, `ls${P}${Q}`), ['ls<detach>']);
  assert.deepEqual(type(DEFAULT_DETACH_KEYS, 'ls', P, Q), ['ls', '', '<detach>']);
  assert.deepEqual(type('x', 'abx'), ['ab<detach>']);
});

test('DetachKeys.feed() passes a lone first key on with the next key', () => {
  assert.deepEqual(type(DEFAULT_DETACH_KEYS, P, 'a'), ['', `${P}a`]);
  assert.deepEqual(type(DEFAULT_DETACH_KEYS, `${Q}a`), [`${Q}a`]);
});

test('DetachKeys.feed() finds a sequence that overlaps a false start', () => {
  assert.deepEqual(type(DEFAULT_DETACH_KEYS, `${P}${P}${Q}`), [`${P}<detach>`]);
  assert.deepEqual(type('a,a,b', 'aaab'), ['a<detach>']);
  assert.deepEqual(type('a,b,a,c', 'ababac'), ['ab<detach>']);
  assert.deepEqual(type('a,a,b', 'aac'), ['aac']);
});
