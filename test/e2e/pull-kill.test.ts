/** Pulls that are killed, and pulls of one image at once: the image is there whole or not at all, nothing stays behind. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, symlinkSync } from 'node:fs';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BadNetwork } from './bad-network.ts';
import { EXECUTABLE, until } from './harness.ts';
import { digestOf, layerOf, Publisher } from './publish.ts';
import { busyboxFiles, PullHost } from './pulls.ts';
import { random } from './random.ts';
import { Registry } from './registry.ts';

const registry = await Registry.start();
const publisher = new Publisher(registry.host);
const network = await BadNetwork.before(registry.host);
after(() => Promise.all([registry.stop(), network.stop()]));
const layers = [
  layerOf(busyboxFiles()),
  layerOf({ a: randomBytes(3_000_000), hello: 'hello\n' }),
  layerOf({ b: randomBytes(1_000_000), c: randomBytes(2_000_000) }),
];
await publisher.publish('app', 'v1', { layers });
const name = `${network.host}/app:v1`;

interface Running {
  pid: number;
  ended: Promise<number | null>;
  kill(): void;
  /** On standard error, so far. */
  said(): string;
}

function startPull(host: PullHost): Running {
  const env = { PATH: process.env.PATH, MYDOCKER_ROOT: host.root, ...host.settings() };
  const child = spawn(EXECUTABLE, ['pull', '-q', name], { stdio: ['ignore', 'ignore', 'pipe'], env });
  let words = '';
  child.stderr?.on('data', (data: Buffer) => {
    words += String(data);
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  return { pid: child.pid ?? 0, ended, kill: () => child.kill('SIGKILL'), said: () => words };
}

interface Store {
  blobs: string[];
  layers: string[];
  downloads: string[];
  manifests: Array<{ digest: string }>;
}

/** Every blob and layer is the image's; nothing is on its way. */
function isClean(host: PullHost): void {
  const store = host.store() as Store;
  assert.equal(store.manifests.length, 1);
  assert.equal(store.blobs.length, layers.length + 2);
  assert.equal(store.layers.length, layers.length);
  assert.deepEqual(store.downloads, []);
}

test('a pull that is killed at any moment: a second one goes on, and the store is clean', async () => {
  const host = new PullHost();
  network.fault = (_method, path) =>
    path.includes('/blobs/') ? { kind: 'slow', bytes: 300_000, pauseMs: 10 } : undefined;
  for (let round = 0; round < 12; round++) {
    const pull = startPull(host);
    const pause = sleep(40 + random(260));
    await Promise.race([pause, pull.ended]);
    pull.kill();
    await pull.ended;
    const { manifests } = host.store() as Store;
    assert.equal(await host.ok('images', '-q').then((text) => (text === '' ? 0 : 1)), manifests.length);
    if (manifests.length === 1) {
      // Whole: it runs from what is here.
      assert.equal(await host.ok('run', '--rm', '--pull', 'never', name, 'cat', '/hello'), 'hello');
    }
    if (round % 3 === 0) {
      // What nobody fetches any more is nobody's: no byte of it stays.
      await host.ok('image', 'prune', '-f');
      const { blobs, layers: unpacked, downloads } = host.store() as Store;
      if (manifests.length === 1) isClean(host);
      else assert.deepEqual([blobs, unpacked, downloads], [[], [], []], `round ${round}`);
    }
    if (round % 3 !== 2) continue;
    await host.ok('pull', '-q', name);
    isClean(host);
    assert.equal(await host.ok('run', '--rm', '--pull', 'never', name, 'cat', '/hello'), 'hello');
    await host.ok('rmi', name);
    const { blobs, layers: left } = host.store() as Store;
    assert.deepEqual([blobs, left], [[], []]);
  }
});

test('a layer is unpacked while the next ones are still on their way', async () => {
  const host = new PullHost();
  const [first, ...others] = layers.map(({ blob }) => digestEnd(blob));
  assert.ok(first !== undefined);
  network.fault = (_method, path) =>
    others.some((digest) => path.includes(digest)) ? { kind: 'stall', afterBytes: 1000 } : undefined;
  const pull = startPull(host);
  await until('the first layer is there', () => {
    const store = host.store() as Store;
    return store.layers.length === 1 && store.downloads.includes(first);
  });
  const { downloads } = host.store() as Store;
  for (const digest of others) assert.ok(downloads.includes(`${digest}.part`), `${digest} has not arrived`);
  pull.kill();
  await pull.ended;
  network.mend();
  await host.ok('pull', '-q', name);
  isClean(host);
});

test('a pull that was killed while it took a dead one’s place keeps nobody from that place', async () => {
  const host = new PullHost();
  network.mend();
  const [pulled, taking] = [`${spawnSync('true').pid}-1`, `${spawnSync('true').pid}-1`];
  mkdirSync(`${host.root}/downloads`, { mode: 0o700 });
  for (const { blob } of layers) {
    const claim = `${digestEnd(blob)}.claim`;
    symlinkSync(pulled, `${host.root}/downloads/${claim}`);
    symlinkSync(taking, `${host.root}/downloads/.free-${claim}-${pulled}`);
  }
  await host.ok('pull', '-q', name);
  isClean(host);
});

test('the second try fetches only what the first did not', async () => {
  const host = new PullHost();
  network.mend();
  network.fault = (_method, path) =>
    path.includes('/blobs/') ? { kind: 'slow', bytes: 200_000, pauseMs: 40 } : undefined;
  const pull = startPull(host);
  const parts = () => (host.store() as Store).downloads.filter((file) => file.endsWith('.part'));
  const sizeOf = (file: string) =>
    statSync(`${host.root}/downloads/${file}`, { throwIfNoEntry: false })?.size ?? 0;
  // The file is there before anything was asked for.
  await until('bytes of a layer are here', () => parts().some((file) => sizeOf(file) > 0));
  pull.kill();
  await pull.ended;
  network.mend();
  await host.ok('pull', '-q', name);
  const ranges = network.asked.filter(({ path, range }) => path.includes('/blobs/') && range !== undefined);
  assert.ok(ranges.length > 0, 'it asked for the rest of something');
  isClean(host);
});

test('two pulls of one image at once: each layer is fetched once, and both have it', async () => {
  const host = new PullHost();
  network.mend();
  network.fault = (_method, path) =>
    path.includes('/blobs/') ? { kind: 'slow', bytes: 500_000, pauseMs: 20 } : undefined;
  const pulls = [startPull(host), startPull(host), startPull(host)];
  const codes = await Promise.all(pulls.map(({ ended }) => ended));
  assert.deepEqual(codes, [0, 0, 0], pulls.map(({ said }) => said()).join(''));
  isClean(host);
  const asked = network.asked.filter(({ path }) => layers.some(({ blob }) => path.endsWith(digestEnd(blob))));
  assert.equal(asked.length, layers.length);
  assert.equal(await host.ok('run', '--rm', name, 'cat', '/hello'), 'hello');
});

test('the one that downloads is killed: the one that waits takes over', async () => {
  const host = new PullHost();
  network.mend();
  network.fault = (_method, path) =>
    path.includes('/blobs/') ? { kind: 'slow', bytes: 200_000, pauseMs: 50 } : undefined;
  const first = startPull(host);
  const claims = () => (host.store() as Store).downloads.filter((file) => file.endsWith('.claim')).length;
  await until('it downloads', () => claims() >= 3);
  const second = startPull(host);
  await sleep(150);
  first.kill();
  await first.ended;
  assert.equal(await second.ended, 0);
  isClean(host);
});

test('SIGINT ends a pull; what was fetched stays', async () => {
  const host = new PullHost();
  network.mend();
  network.fault = (_method, path) =>
    path.includes('/blobs/') ? { kind: 'slow', bytes: 200_000, pauseMs: 50 } : undefined;
  const pull = startPull(host);
  const parts = () => (host.store() as Store).downloads.filter((file) => file.endsWith('.part')).length;
  await until('it downloads', () => parts() >= 3);
  await sleep(100);
  process.kill(pull.pid, 'SIGINT');
  assert.equal(await pull.ended, 130);
  const { blobs, layers: unpacked, manifests, downloads } = host.store() as Store;
  assert.deepEqual([blobs, unpacked, manifests], [[], [], []]);
  assert.ok(downloads.length > 0 && downloads.every((file) => !file.endsWith('.claim')), String(downloads));
});

function digestEnd(blob: Buffer): string {
  return digestOf(blob).slice(7);
}
