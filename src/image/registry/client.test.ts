import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLocal } from './client.ts';

test('plain HTTP without being asked: only this machine, by its own names and addresses', () => {
  for (const host of [
    'localhost',
    'localhost:5000',
    '127.0.0.1',
    '127.0.0.1:5000',
    '127.1.2.3',
    '[::1]:5000',
    '[::1]',
  ])
    assert.equal(isLocal(host), true, host);
  for (const host of [
    'localhost.example.com',
    '127.0.0.1.example.com',
    '127.0.0.1.example.com:5000',
    'registry.example.com',
    '10.0.0.1:5000',
    '128.0.0.1',
    '[::2]:5000',
    '0.0.0.0:5000',
    'localhost.localdomain',
    '',
  ])
    assert.equal(isLocal(host), false, host);
});
