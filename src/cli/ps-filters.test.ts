import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSummary } from '../engine/types.ts';
import { parseFilters } from './ps-filters.ts';

const BIRD: ContainerSummary = {
  id: `ab12${'0'.repeat(60)}`,
  name: 'bird',
  status: 'stopped',
  exitCode: 3,
  ip: '',
  command: ['top'],
  createdAtMs: 0,
  image: 'busybox',
  imageId: `sha256:${'cd'.repeat(32)}`,
  ports: '',
  networks: ['front'],
  mounts: [{ source: 'data', target: '/v' }],
  labels: { tier: 'web' },
};

test('parseFilters() keeps what matches', () => {
  const kept = [
    'status=stopped',
    'status=exited',
    'name=ir',
    'name=^bird$',
    'name=^/bird$',
    'name=b..d',
    'network=front',
    'volume=data',
    'volume=/v',
    'id=ab1',
    'label=tier',
    'label=tier=web',
    'exited=3',
    'ancestor=busybox',
  ];
  for (const filter of [...kept, 'ancestor=busybox:latest', 'ancestor=cdcd'])
    assert.equal(parseFilters([filter])(BIRD), true, filter);
  for (const filter of [
    'status=running',
    'name=cat',
    'name=^ird$',
    'network=back',
    'volume=/',
    'id=b12',
    'label=x',
    'label=tier=db',
    'exited=0',
    'ancestor=web',
  ]) {
    assert.equal(parseFilters([filter])(BIRD), false, filter);
  }
});

test('parseFilters() joins values of one key with or, keys with and', () => {
  assert.equal(parseFilters(['status=running', 'status=stopped'])(BIRD), true);
  assert.equal(parseFilters(['status=stopped', 'name=cat'])(BIRD), false);
  assert.equal(parseFilters(['label=tier', 'label=x'])(BIRD), false);
});

test('parseFilters() refuses unknown keys and values', () => {
  for (const filter of [
    'colour=red',
    'status',
    'status=asleep',
    'exited=x',
    'constructor=1',
    'status=constructor',
  ]) {
    assert.throws(() => parseFilters([filter]), { code: 'BAD_INPUT' }, filter);
  }
});
