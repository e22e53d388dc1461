import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitImage } from './image-words.ts';

const STORE = {
  hasImage: (ref: string): boolean => ['web', 'web:v1', 'top'].includes(ref),
  defaultImageHas: (word: string): boolean => ['sh', 'ls', 'top'].includes(word),
};

test('splitImage() takes an image first, then a command of the default image', () => {
  assert.deepEqual(splitImage(['web:v1', 'x'], STORE, 'busybox'), { image: 'web:v1', command: ['x'] });
  assert.deepEqual(splitImage(['busybox'], STORE, 'busybox'), { image: 'busybox', command: [] });
  assert.deepEqual(splitImage(['top', '-b'], STORE, 'busybox'), { image: 'top', command: ['-b'] });
  assert.deepEqual(splitImage(['sh', '-c', 'a b'], STORE, 'busybox'), {
    image: 'busybox',
    command: ['sh', '-c', 'a b'],
    note: 'no image "sh": running it as a command of the default image busybox',
  });
});

test('splitImage() takes a word that is neither for an image to be pulled, if it can name one', () => {
  for (const word of ['foo', 'foo:v1', 'lib/sh', 'localhost:5000/a/b@sha256:0']) {
    assert.deepEqual(splitImage([word, 'x'], STORE, 'busybox'), {
      image: word,
      command: ['x'],
      isMissing: true,
    });
  }
  assert.throws(() => splitImage(['NoSuch'], STORE, 'busybox'), {
    message: 'there is no image and no busybox command named "NoSuch"',
  });
  assert.throws(() => splitImage([''], STORE, 'busybox'), { code: 'BAD_INPUT' });
});
