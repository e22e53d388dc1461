import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkUp } from './link.ts';
import { messages } from './netlink.ts';

test('linkUp() is an acknowledged RTM_NEWLINK that sets IFF_UP and nothing else', () => {
  assert.equal(
    messages(linkUp(1)).toString('hex'),
    '20000000' +
      '1000' +
      '0500' +
      '01000000' +
      '00000000' +
      '00000000' +
      '01000000' +
      '01000000' +
      '01000000',
  );
});
