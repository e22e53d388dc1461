/** For tests of layers that mean harm: what refuses them, and what those that are taken become. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after } from 'node:test';
import { gzipSync } from 'node:zlib';
import { digestOf, layerOf, Publisher, type TestLayer } from './publish.ts';
import { busyboxFiles, PullHost } from './pulls.ts';
import { type RawEntry, rawTar } from './raw-tar.ts';
import { Registry } from './registry.ts';
import { nameIn, treeOf } from './tree.ts';

export const host = new PullHost();
export const directory = mkdtempSync('/var/tmp/mydocker-bad-');
export const registry = await Registry.start();
export const publisher = new Publisher(registry.host);
after(async () => {
  await registry.stop();
  rmSync(directory, { recursive: true });
});
await host.ok('run', '--rm', 'busybox', 'true');

export const base = layerOf(busyboxFiles());
export const gz = (tar: Buffer): TestLayer => ({ blob: gzipSync(tar, { level: 1 }), diffId: digestOf(tar) });
/** Where a layer that got out would write. */
export const OUTSIDE = `${directory}/outside`;
const layers = (): string[] =>
  readdirSync(`${host.root}/layers`).filter((name) => /^[0-9a-f]{64}$/.test(name));
let count = 0;

/** The layer as the only one, imported, and as the second one of an image, pulled: refused, whichever way it comes. */
export async function refused(
  what: string,
  tar: Buffer,
  line: RegExp,
  env: Record<string, string> = {},
): Promise<void> {
  const path = `${directory}/bad.tar`;
  writeFileSync(path, tar);
  const tag = `n${++count}`;
  await publisher.publish('bad', tag, { layers: [base, gz(tar)] });
  const ways = [
    ['import', path, 'bad'],
    ['pull', '-q', `${registry.host}/bad:${tag}`],
  ];
  // One reader serves both: a third of the layers come by either way.
  for (const args of count % 3 === 0 ? ways : ways.slice(1)) {
    const { downloads: _, ...store } = host.store() as { downloads: string[] };
    const result = await host.run(args, { env });
    assert.equal(result.code, 125, `${what}, ${args[0]}: ${result.stderr}`);
    assert.match(result.stderr, line, `${what}, ${args[0]}`);
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, `${what}: ${result.stderr}`);
    const { downloads: __, ...left } = host.store() as { downloads: string[] };
    assert.deepEqual(left, store, `${what}, ${args[0]}: the store is as before`);
    assert.ok(
      readdirSync(`${host.root}/layers`).every((name) => !name.includes('tmp')),
      what,
    );
  }
  assert.throws(() => statSync(OUTSIDE), /ENOENT/, `${what}: nothing was written outside`);
}

/** Both again, for one that is taken: what the layer holds, as "name type mode". */
export async function taken(...entries: RawEntry[]): Promise<string[]> {
  const path = `${directory}/good.tar`;
  writeFileSync(path, rawTar(...entries));
  const before = layers();
  await host.ok('import', path, 'good');
  const [layer = ''] = layers().filter((name) => !before.includes(name));
  const tree = treeOf(`${host.root}/layers/${layer}`);
  await host.ok('rmi', 'good');
  assert.throws(() => statSync(OUTSIDE), /ENOENT/);
  return tree.slice(1);
}

export const names = async (...entries: RawEntry[]): Promise<string[]> =>
  (await taken(...entries)).map(nameIn);
