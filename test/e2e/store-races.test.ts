/** rmi against the rest: killed at any moment, and at the same time as create, run, import and tag. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Host } from './harness.ts';
import { killedAt, nextOf } from './killed.ts';
import { random, seed } from './random.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));

const FILES = 40;
const content = () => [
  ...readdirSync(`${host.root}/images/blobs/sha256`),
  ...readdirSync(`${host.root}/layers`),
  ...readdirSync(`${host.root}/images`),
];

before(async () => {
  mkdirSync(`${directory}/rootfs/many`, { recursive: true });
  for (let i = 0; i < FILES; i++) writeFileSync(`${directory}/rootfs/many/${i}`, '');
  await host.ok('run', '--rm', '-v', `${directory}/rootfs:/out`, 'busybox', 'cp', '/bin/busybox', '/out/');
});

for (const call of ['link', 'rename', 'unlink,unlinkat']) {
  test(`kill -9 in rmi at each ${call}: the image is whole or gone, and prune leaves no byte of it`, async () => {
    const before = content().sort();
    let kills = 0;
    for (let nth = 1; ; nth = nextOf(nth)) {
      await host.ok('import', `${directory}/rootfs`, 'doomed');
      const killed = await killedAt(host, call, nth, 'rmi', 'doomed');
      if ((await host.ok('images', '-q', 'doomed')) !== '') {
        const listed = await host.ok('run', '--rm', 'doomed', '/busybox', 'ls', '/many');
        assert.equal(listed.split('\n').length, FILES, `${call} ${nth}`);
        await host.ok('rmi', 'doomed');
      }
      await host.ok('image', 'prune', '-f');
      assert.deepEqual(content().sort(), before, `${call} ${nth}`);
      if (!killed) break;
      kills++;
    }
    assert.ok(kills > 0, 'it makes such calls');
  });
}

test('kill -9 in rmi: the next command that sweeps clears it, without prune', async () => {
  const before = content().sort();
  await host.ok('import', `${directory}/rootfs`, 'doomed');
  const [name = ''] = readdirSync(`${host.root}/layers`).filter((entry) => !before.includes(entry));
  // As it is just after the list was written: the image gone from it, its mark and its bytes still there.
  await host.ok('tag', 'busybox', 'doomed');
  assert.match(name, /^[0-9a-f]{64}/);
  const path = `${host.root}/images/index.json`;
  const index = JSON.parse(readFileSync(path, 'utf8'));
  index.manifests = index.manifests.filter(
    (entry: { annotations?: object }) => Object.keys(entry.annotations ?? {}).length > 0,
  );
  writeFileSync(path, JSON.stringify(index));
  writeFileSync(`${host.root}/images/.tmp-1-1-abcdef`, '');
  await host.ok('rmi', 'doomed');
  await host.ok('ps');
  assert.deepEqual(content().sort(), before);
});

test('create and run against rmi and import of the same image: whatever was created can start', async () => {
  const count = { made: 0, refused: 0, removed: 0 };
  for (let i = 0; i < 20; i++) {
    const where = `round ${i}, seed ${seed}`;
    await host.ok('import', `${directory}/rootfs`, 'fought');
    const creations = [0, 1, 2].map(async (n) => {
      await sleep(random(20));
      return n === 0
        ? host.run(['run', '--pull', 'never', '-d', 'fought', '/busybox', 'sleep', '600'])
        : host.run(['create', '--pull', 'never', 'fought', '/busybox', 'sleep', '600']);
    });
    await sleep(random(25));
    const removal = host.run(i % 3 === 0 ? ['rmi', '-f', 'fought'] : ['rmi', 'fought']);
    const again = i % 2 === 0 ? host.run(['import', `${directory}/rootfs`, 'fought']) : undefined;
    for (const result of await Promise.all(creations)) {
      if (result.code === 0) {
        count.made++;
        const id = result.stdout.trim();
        await host.ok('start', id);
        const listed = await host.ok('exec', id, '/busybox', 'ls', '/many');
        assert.equal(listed.split('\n').length, FILES, where);
      } else {
        count.refused++;
        assert.match(result.stderr, /^mydocker: (no|there is no) image/, where);
      }
    }
    const { code, stderr } = await removal;
    if (code === 0) count.removed++;
    else assert.match(stderr, /uses it|no image/, where);
    if (again !== undefined) assert.equal((await again).code, 0, `${where}: ${(await again).stderr}`);
    const ids = (await host.ok('ps', '-q', '--no-trunc')).split('\n').filter(Boolean);
    if (ids.length > 0) await host.ok('rm', '-f', ...ids);
    await host.run(['rmi', '-f', 'fought']);
    await host.ok('image', 'prune', '-f');
    assert.deepEqual(await host.ok('images', '--format', '{{.Repository}}'), 'busybox', where);
    assert.equal(readdirSync(`${host.root}/images/blobs/sha256`).length, 3, where);
  }
  assert.ok(count.made > 0 && count.removed > 0, JSON.stringify(count));
});
