import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planOverlay } from './overlay.ts';
import { pathsOf } from './paths.ts';

const dirs = (layers: number) => ({
  lower: Array.from({ length: layers }, (_, i) => `/r/layers/${String(i).padStart(64, '0')}`),
  layersDir: '/r/layers',
  upper: '/r/c/upper',
  work: '/r/c/work',
  target: '/r/c/rootfs',
  ownDir: '/r/c',
  volatile: false,
  noDevices: false,
});

test('planOverlay() puts the newest layer first in lowerdir, named relative to the layers', () => {
  const { host, init } = planOverlay(dirs(2));
  assert.equal(host.length, 0);
  assert.ok(init[0]?.op === 'chdir' && init[0].path === '/r/layers');
  assert.ok(init[1]?.op === 'mount');
  const [a, b] = dirs(2).lower.map((path) => path.slice('/r/layers/'.length));
  assert.equal(init[1].data, `lowerdir=${a}:${b},upperdir=/r/c/upper,workdir=/r/c/work`);
});

test('planOverlay() of 127 layers still fits one page of mount options', () => {
  const { host, init } = planOverlay(dirs(127));
  assert.ok(init[1]?.op === 'mount');
  assert.ok(init[1].data.length < 4096);
  assert.equal(host.filter((step) => step.op === 'symlink').length, 127);
});

test('planOverlay() mounts volatile and nodev when told to', () => {
  const { init } = planOverlay({ ...dirs(1), volatile: true, noDevices: true });
  assert.ok(init[1]?.op === 'mount');
  assert.match(init[1].data, /,volatile$/);
  assert.equal(init[1].flags, 4);
});

test('pathsOf() refuses what overlayfs would read as a separator', () => {
  for (const bad of ['relative', '/a:b', '/a,b', '/a\\b', '/a\nb']) {
    assert.throws(() => pathsOf(bad), { code: 'BAD_INPUT' });
  }
  assert.deepEqual(pathsOf('/x/'), { root: '/x', run: '/x/run' });
  assert.equal(pathsOf().run, '/run/mydocker');
});
