import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readEntries } from '../src/image/tar-entries.ts';
import { buildBusyboxImage, isStaticElf } from './busybox-image.ts';

const BINARY = Buffer.from('a busybox that is none');
const APPLETS = ['usr/bin/[', 'sbin/init', 'bin/busybox', 'bin/sh', ''];

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

test('buildBusyboxImage() gives the same bytes each time', () => {
  const [a, b] = [buildBusyboxImage(BINARY, APPLETS), buildBusyboxImage(BINARY, [...APPLETS])];
  assert.ok(a.tar.equals(b.tar));
  assert.deepEqual(a.facts, b.facts);
  assert.notEqual(buildBusyboxImage(BINARY, APPLETS, { epochS: 1 }).facts.diffId, a.facts.diffId);
});

test('buildBusyboxImage() links every applet where it belongs and in /bin', async () => {
  const seen = new Map<string, string>();
  for (const { entry } of await readEntries(once(buildBusyboxImage(BINARY, APPLETS).tar))) {
    assert.ok(!seen.has(entry.name), `${entry.name} twice`);
    seen.set(entry.name, `${entry.type} ${entry.mode.toString(8)} ${entry.linkName}`.trim());
  }
  for (const name of ['usr/bin/[', 'bin/[', 'sbin/init', 'bin/init', 'bin/sh']) {
    assert.equal(seen.get(name), 'symlink 777 /bin/busybox', name);
  }
  assert.equal(seen.get('bin/busybox'), 'file 755');
  assert.equal(seen.get('tmp/'), 'directory 1777');
  assert.equal(seen.get('root/'), 'directory 700');
  assert.equal(seen.get('etc/shadow'), 'file 640');
});

test('isStaticElf() refuses what is no executable', () => {
  assert.equal(isStaticElf(BINARY), false);
  assert.equal(isStaticElf(Buffer.alloc(0)), false);
});
