import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts';

test('parseVolume() takes host paths', () => {
  const bind = { type: 'bind', target: '/t', readOnly: false };
  assert.deepEqual(parseVolume('-v', '/tmp:/t'), { ...bind, source: '/tmp' });
  assert.deepEqual(parseVolume('-v', '/tmp:/t:ro'), { ...bind, source: '/tmp', readOnly: true });
  assert.deepEqual(parseVolume('-v', '/tmp:/t/:rw'), { ...bind, source: '/tmp' });
  assert.deepEqual(parseVolume('-v', '.:/t'), { ...bind, source: resolve('.') });
  assert.deepEqual(parseVolume('-v', '../:/a/../t'), { ...bind, source: resolve('..') });
  assert.deepEqual(parseVolume('-v', '/etc/passwd:/t'), { ...bind, source: '/etc/passwd' });
});

test('parseVolume() refuses what it cannot mount', () => {
  const table: ReadonlyArray<readonly [string, RegExp]> = [
    ['/data', /without a host path/],
    ['data:/t', /"data" is no path, and named volumes are not there yet/],
    ['/no/such/dir:/t', /the host path \/no\/such\/dir does not exist/],
    ['/tmp:t', /"t" is not absolute/],
    ['/tmp:/', /whole root/],
    ['/tmp:/x/..', /whole root/],
    ['/tmp:', /not absolute/],
    [':/t', /no host path/],
    ['/tmp:/t:rx', /"rx" is neither ro nor rw/],
    ['/tmp:/t:ro:x', /more than three parts/],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parseVolume('-v', text), { code: 'BAD_INPUT', message }, text);
  }
});

test('parseMount() reads its fields', () => {
  assert.deepEqual(parseMount('--mount', 'type=bind,source=/tmp,target=/t,readonly'), {
    type: 'bind',
    source: '/tmp',
    target: '/t',
    readOnly: true,
  });
  assert.deepEqual(parseMount('--mount', 'type=bind,src=/tmp,"dst=/a,b",ro=false'), {
    type: 'bind',
    source: '/tmp',
    target: '/a,b',
    readOnly: false,
  });
  assert.deepEqual(parseMount('--mount', 'type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1777'), {
    type: 'tmpfs',
    target: '/t',
    readOnly: false,
    sizeBytes: 67_108_864,
    mode: 0o1777,
  });
  const table: ReadonlyArray<readonly [string, RegExp]> = [
    ['type=volume,source=a,target=/t', /only bind and tmpfs/],
    ['source=/tmp,target=/t', /has no type/],
    ['type=bind,target=/t', /no host path/],
    ['type=bind,source=/tmp', /not absolute/],
    ['type=bind,source=/tmp,target=/t,colour=red', /unknown field "colour"/],
    ['type=bind,source=/tmp,target=/t,tmpfs-size=1m', /tmpfs-size does not go with/],
    ['type=tmpfs,target=/t,tmpfs-mode=9', /no octal mode/],
    ['type=tmpfs,target=/t,ro=maybe', /readonly is true or false/],
  ];
  for (const [text, message] of table)
    assert.throws(() => parseMount('--mount', text), { code: 'BAD_INPUT', message }, text);
});

test('parseTmpfs() reads its options', () => {
  assert.deepEqual(parseTmpfs('--tmpfs', '/run'), { type: 'tmpfs', target: '/run', readOnly: false });
  assert.deepEqual(parseTmpfs('--tmpfs', '/run:size=64m,mode=755,noexec,ro'), {
    type: 'tmpfs',
    target: '/run',
    readOnly: true,
    sizeBytes: 67_108_864,
    mode: 0o755,
    options: ['noexec'],
  });
  assert.throws(() => parseTmpfs('--tmpfs', '/run:colour=red'), { message: /unknown option "colour=red"/ });
  assert.throws(() => parseTmpfs('--tmpfs', 'run'), { message: /not absolute/ });
});
