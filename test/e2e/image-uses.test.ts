/** The built-in image under every verb that names it, and images and volumes that containers have mounted. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';
import { PullHost } from './pulls.ts';
import { rawTar } from './raw-tar.ts';
import { Registry } from './registry.ts';

const directory = mkdtempSync('/var/tmp/mydocker-files-');
const registry = await Registry.start();
after(async () => {
  await registry.stop();
  rmSync(directory, { recursive: true });
});

test('on a new root every verb that names the built-in image finds it', async () => {
  const verbs: Record<string, readonly string[]> = {
    tag: ['tag', 'busybox', `${registry.host}/mine:v1`],
    save: ['save', '-o', `${directory}/busybox.tar`, 'docker.io/library/busybox:latest'],
    inspect: ['inspect', 'busybox'],
    'image inspect': ['image', 'inspect', 'busybox:latest'],
    history: ['history', 'busybox'],
    create: ['create', 'busybox', 'true'],
  };
  for (const [verb, args] of Object.entries(verbs)) {
    const host = new PullHost();
    assert.equal(await host.ok('images', '-q'), '', 'it is listed from when somebody names it');
    await host.ok(...args);
    assert.match(await host.ok('images', 'busybox'), /\nbusybox +latest +[0-9a-f]{12} /, verb);
    if (verb === 'tag') await host.ok('push', '-q', `${registry.host}/mine:v1`);
  }
  const host = new PullHost();
  assert.equal(await host.ok('run', '--rm', `${registry.host}/mine:v1`, 'echo', 'pushed'), 'pushed');
});

test('push of the built-in image itself puts it there first; other names still name nothing', async () => {
  const host = new PullHost();
  await host.fails(1, 'inspect', 'nosuch');
  await host.fails(1, 'tag', 'busybox:v9', 'other');
  await host.fails(1, 'rmi', 'busybox');
  assert.equal(await host.ok('images', '-q'), '');
  // Without a network its registry is what is missing, and not the image.
  const env = { MYDOCKER_ROOT: host.root, ...host.settings() };
  const { code, stderr } = await command('unshare', ['-n', EXECUTABLE, 'push', '-q', 'busybox'], { env });
  assert.equal(code, 125);
  assert.match(stderr, /cannot reach the registry/);
  assert.match(await host.ok('images', '-q'), /^[0-9a-f]{12}$/);
});

test('rmi and prune see the images that containers have mounted', async () => {
  const host = new Host();
  writeFileSync(`${directory}/files.tar`, rawTar({ name: 'note', data: 'from the image' }));
  const id = await host.ok('import', `${directory}/files.tar`, 'files:v1');
  const mount = 'type=image,source=files:v1,target=/files';
  await host.ok('run', '-d', '--name', 'reader', '--mount', mount, 'busybox', 'sleep', '1000');
  assert.match(await host.fails(1, 'rmi', 'files:v1'), /container reader \(running\) uses it/);
  assert.match(await host.fails(1, 'rmi', '-f', id), /reader/);
  await host.ok('image', 'prune', '-a', '-f');
  assert.equal(await host.ok('exec', 'reader', 'cat', '/files/note'), 'from the image');
  const rows = JSON.parse(await host.ok('system', 'df', '-v', '--format', 'json'));
  const shown = rows.Images.find((row: { Repository: string }) => row.Repository === 'files');
  assert.equal(shown.Containers, '1');
  const [images] = (await host.ok('system', 'df', '--format', '{{.Type}} {{.Active}}')).split('\n');
  assert.equal(images, 'Images 2');
  await host.ok('stop', '-t', '0', 'reader');
  assert.match(await host.fails(1, 'rmi', 'files:v1'), /stopped/);
  await host.ok('start', 'reader');
  assert.equal(await host.ok('exec', 'reader', 'cat', '/files/note'), 'from the image');
  await host.ok('rm', '-f', 'reader');
  assert.match(await host.ok('rmi', 'files:v1'), /Deleted: sha256/);
  assert.match(await host.fails(1, 'create', '--mount', mount, 'busybox', 'true'), /no image "files:v1"/);
});

test('the built-in image can be mounted in a container of another one, on a root that never had it', async () => {
  const first = new Host();
  await first.ok('tag', 'busybox', 'other:v1');
  await first.ok('save', '-o', `${directory}/other.tar`, 'other:v1');
  const host = new Host();
  await host.ok('load', '-q', '-i', `${directory}/other.tar`);
  const mount = 'type=image,source=busybox,target=/bb';
  assert.equal(
    await host.ok('run', '--rm', '--mount', mount, 'other:v1', '/bb/bin/echo', 'mounted'),
    'mounted',
  );
});

test('system df counts the volumes that containers have, and what goes with the others', async () => {
  const host = new Host();
  const fill = ['busybox', 'dd', 'if=/dev/zero', 'of=/v/data', 'bs=1k', 'count=50'];
  await host.ok('run', '--name', 'owner', '-v', 'kept:/v', ...fill);
  await host.ok('run', '--rm', '-v', 'free:/v', ...fill);
  const line = async () =>
    JSON.parse(
      (await host.ok('system', 'df', '--format', 'json'))
        .split('\n')
        .find((row) => row.includes('Local Volumes')) ?? '',
    );
  const { TotalCount, Active, Bytes, Reclaimable } = await line();
  assert.deepEqual([TotalCount, Active], ['2', '1']);
  assert.ok(Bytes >= 100 * 1024);
  assert.match(Reclaimable, /^[5-9]\d(\.\d+)?kB \((4\d|50)%\)$/);
  const text = await host.ok('system', 'df', '-v');
  assert.match(text, /Local Volumes space usage:\n\nVOLUME NAME +LINKS +SIZE\nfree +0 .*\nkept +1 /);
  assert.match(text, /busybox +dd .* 1 +[\d.]+kB .* owner/);
  await host.ok('volume', 'prune', '-a', '-f');
  assert.deepEqual([(await line()).TotalCount, (await line()).Active], ['1', '1']);
  await host.ok('rm', 'owner');
  assert.equal((await line()).Active, '0');
});
