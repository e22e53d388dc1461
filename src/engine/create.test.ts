import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeEnv } from './create.ts';
import { makeName } from './names.ts';
import { newId } from './new-dirs.ts';
import { signalName, signalNumber } from './signals.ts';

test('mergeEnv() keeps one entry a name, the last one, and values with "="', () => {
  assert.deepEqual(mergeEnv(['A=1', 'B=2'], ['A=x=y'], ['C=']), ['A=x=y', 'B=2', 'C=']);
});

test('signalNumber() takes names with and without SIG, numbers, and real-time signals', () => {
  for (const text of ['SIGTERM', 'term', 'TERM', '15']) assert.equal(signalNumber(text), 15);
  assert.equal(signalNumber('RTMIN+3'), 37);
  for (const bad of ['', 'NOPE', '0', '65', '-1'])
    assert.throws(() => signalNumber(bad), { code: 'BAD_INPUT' });
  assert.equal(signalName(9), 'SIGKILL');
});

test('makeName() gives names that are valid, and numbers them when asked again', () => {
  for (let i = 0; i < 50; i++) {
    assert.match(makeName(0), /^[a-z]+_[a-z]+$/);
    assert.match(makeName(2), /^[a-z]+_[a-z]+\d+$/);
  }
});

test('newId() gives no host name that would be taken for an address', () => {
  // One of 280 random ones would.
  for (let i = 0; i < 20_000; i++) assert.match(newId(), /^(?=[0-9]{0,11}[a-f])[0-9a-f]{64}$/);
});
