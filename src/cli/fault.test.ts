import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFault } from './fault.ts';

test('parseFault() counts from 1 and knows errno names', () => {
  assert.deepEqual(parseFault('1'), { index: 0, errno: 5 });
  assert.deepEqual(parseFault('23:ENOSPC'), { index: 22, errno: 28 });
});

test('parseFault() names a malformed value', () => {
  for (const text of ['0', '-1', 'x', '3:', '3:ENOSUCH', '3:5', '12345', '1 ', '0x1'])
    assert.throws(() => parseFault(text), { code: 'BAD_INPUT', subject: text });
});
