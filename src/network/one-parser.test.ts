import assert from 'node:assert/strict';
import { test } from 'node:test';
import { egressList } from './egress-list.ts';
import { checkServers } from './resolver-servers.ts';

test('lists of egress and resolvers read addresses as everything else does: none with a leading zero', () => {
  for (const text of ['010.0.0.1', '10.0.0.01']) {
    assert.throws(() => egressList([text]), { code: 'BAD_INPUT' });
    assert.throws(() => egressList([`${text}/32`]), { code: 'BAD_INPUT' });
    assert.throws(() => checkServers([text]), { code: 'BAD_INPUT' });
  }
  assert.equal(egressList(['10.0.0.1']).ranges.length, 1);
  checkServers(['10.0.0.1', 'fe80::1%lo']);
});
