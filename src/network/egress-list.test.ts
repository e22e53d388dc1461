import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowsName, egressList, mergedRanges, namesText } from './egress-list.ts';

const ranges = (...entries: string[]): string[] =>
  mergedRanges(egressList(entries).ranges).map(
    ([first, last]) => `${first.toString('hex')}-${last.toString('hex')}`,
  );

test('egressList() takes names, everything below a name, addresses and ranges', () => {
  const list = egressList(['Example.COM', 'example.net.', '*.Example.org', 'web', '10.0.0.0/8', 'fd00::1']);
  assert.equal(namesText(list), 'example.com\nexample.net\n.example.org\nweb\n');
  assert.deepEqual(
    list.ranges.map(([first]) => first.length),
    [4, 16],
  );
});

test('mergedRanges() gives ranges in order, those that overlap or touch as one', () => {
  assert.deepEqual(ranges('10.0.1.0/24', '10.0.0.0/24', '10.0.0.7'), ['0a000000-0a0001ff']);
  assert.deepEqual(ranges('10.0.0.0/24', '10.0.2.0/24'), ['0a000000-0a0000ff', '0a000200-0a0002ff']);
  assert.deepEqual(ranges('0.0.0.0/0', '255.255.255.255'), ['00000000-ffffffff']);
  assert.deepEqual(ranges('255.0.0.0/8', '254.0.0.0/8'), ['fe000000-ffffffff']);
  assert.deepEqual(ranges('::/0'), [`${'0'.repeat(32)}-${'f'.repeat(32)}`]);
});

test('allowsName() compares whole labels', () => {
  const list = egressList(['example.com', '*.example.org']);
  for (const name of ['example.com', 'a.example.org', 'a.b.example.org'])
    assert.ok(allowsName(list, name), name);
  for (const name of ['a.example.com', 'example.org', 'badexample.org', 'example.org.test', 'example.co'])
    assert.ok(!allowsName(list, name), name);
});
