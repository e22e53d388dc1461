import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { parseMount, parseTmpfs } from './mount-fields.ts';
import { parseVolume } from './mounts.ts';

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
    ['data', /not absolute/],
    ['a/b:/t', /"a\/b" is neither a path nor the name of a volume/],
    ['data:/t:rshared', /rshared goes with host paths only/],
    ['/tmp:/t:nocopy', /nocopy goes with volumes only/],
    ['/tmp:/t:ro,rw', /contradict/],
    ['/tmp:/t:rslave,rshared', /two kinds/],
    ['/tmp:/t:idmap=uids=1-2', /no map of ids/],
    ['/no/such/dir:/t', /the host path \/no\/such\/dir does not exist/],
    ['/tmp:t', /"t" is not absolute/],
    ['/tmp:/', /whole root/],
    ['/tmp:/x/..', /whole root/],
    ['/tmp:', /not absolute/],
    [':/t', /no host path and no name/],
    ['/tmp:/t:rx', /"rx" is neither ro nor rw/],
    ['/tmp:/t:ro:x', /more than three parts/],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parseVolume('-v', text), { code: 'BAD_INPUT', message }, text);
  }
});

test('parseVolume() takes volumes and options', () => {
  const volume = { type: 'volume', target: '/t', readOnly: false };
  assert.deepEqual(parseVolume('-v', '/t'), volume);
  assert.deepEqual(parseVolume('-v', 'data:/t:ro,nocopy'), {
    ...volume,
    name: 'data',
    readOnly: true,
    noCopy: true,
  });
  const bind = { type: 'bind', source: '/tmp', target: '/t', readOnly: true };
  assert.deepEqual(parseVolume('-v', '/tmp:/t:ro,rslave'), { ...bind, propagation: 'rslave' });
  assert.deepEqual(parseVolume('-v', '/tmp:/t:ro,idmap'), { ...bind, idmap: true });
  assert.deepEqual(parseVolume('-v', '/tmp:/t:ro,idmap=uids=1000-0-1#7-8-2;gids=5-0-1'), {
    ...bind,
    idmap: {
      uids: [
        { containerID: 1000, hostID: 0, size: 1 },
        { containerID: 7, hostID: 8, size: 2 },
      ],
      gids: [{ containerID: 5, hostID: 0, size: 1 }],
    },
  });
});

test('parseMount() reads its fields', () => {
  assert.deepEqual(parseMount('--mount', 'src=data,dst=/t,volume-nocopy,volume-label=a=b,volume-label=c'), {
    type: 'volume',
    name: 'data',
    target: '/t',
    readOnly: false,
    noCopy: true,
    labels: { a: 'b', c: '' },
  });
  assert.deepEqual(parseMount('--mount', 'type=image,source=busybox,target=/bb,image-subpath=bin'), {
    type: 'image',
    image: 'busybox',
    target: '/bb',
    subpath: 'bin',
  });
  assert.deepEqual(
    parseMount('--mount', 'type=bind,src=/tmp,dst=/t,ro,bind-propagation=rslave,bind-recursive=writable'),
    {
      type: 'bind',
      source: '/tmp',
      target: '/t',
      readOnly: true,
      propagation: 'rslave',
      recursive: 'writable',
    },
  );
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
    ['type=npipe,target=/t', /no type "npipe"/],
    ['source=/tmp,target=/t', /neither a path nor the name/],
    ['type=bind,source=/tmp,target=/t,bind-propagation=up', /no propagation "up"/],
    ['type=bind,source=/tmp,target=/t,bind-recursive=no', /bind-recursive is/],
    ['type=bind,source=/tmp,target=/t,bind-nonrecursive,bind-recursive=readonly', /contradict/],
    ['type=bind,source=/tmp,source=/,target=/t', /source is given twice/],
    ['type=volume,source=data,target=/t,volume-driver=nfs', /no volume driver "nfs"/],
    ['type=image,target=/t', /has no image/],
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
