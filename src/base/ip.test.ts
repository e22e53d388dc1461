import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseIp } from './ip.ts';

test('parseIp() reads addresses, and none with a leading zero, which is octal to some programs', () => {
  assert.deepEqual(parseIp('10.0.0.5'), Buffer.from([10, 0, 0, 5]));
  assert.equal(parseIp('fd00::5')?.toString('hex'), `fd00${'0'.repeat(27)}5`);
  assert.equal(parseIp('::ffff:10.0.0.5')?.toString('hex'), `${'0'.repeat(20)}ffff0a000005`);
  for (const text of [
    '010.0.0.5',
    '10.0.0.05',
    '::ffff:010.0.0.5',
    '10.0.0.256',
    '10.0.0',
    '1:2:3',
    ':::',
    '',
  ])
    assert.equal(parseIp(text), undefined, text);
});
