/** Archives that are none or damaged, and loads that are killed: one clear error, the store as before. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, EXECUTABLE } from './harness.ts';
import { killedAt, LASTING_CALLS, nextOf } from './killed.ts';
import { digestOf, layerOf } from './publish.ts';
import { busyboxFiles, PullHost } from './pulls.ts';
import { pax, type RawEntry, rawTar } from './raw-tar.ts';

const host = new PullHost();
const directory = mkdtempSync('/var/tmp/mydocker-archives-');
const archive = `${directory}/a.tar`;
after(() => rmSync(directory, { recursive: true }));

/** An archive as Docker writes it, in parts that tests change. */
const layer = layerOf(busyboxFiles());
const config = {
  architecture: 'amd64',
  os: 'linux',
  config: { Cmd: ['/bin/sh', '-c', 'echo loaded'] },
  rootfs: { type: 'layers', diff_ids: [layer.diffId] },
};
const row = { Config: 'config.json', RepoTags: ['app:v1'], Layers: ['layer.tar'] };
const text = (name: string, value: unknown): RawEntry => ({ name, data: JSON.stringify(value) });
const parts = {
  manifest: text('manifest.json', [row]),
  config: text('config.json', config),
  layer: { name: 'layer.tar', data: layer.blob },
};
const made = (change: Partial<Record<keyof typeof parts, RawEntry>> = {}, ...more: RawEntry[]): Buffer =>
  rawTar(...Object.values({ ...parts, ...change }), ...more);

/** Everything of the store, the sizes of blobs too. */
const whole = (): object => ({
  ...host.store(),
  all: readdirSync(`${host.root}/images`, { recursive: true }).map(String).sort(),
  below: readdirSync(`${host.root}/layers`).sort(),
});

before(async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
});

async function refuses(what: string, bytes: Buffer, line: RegExp, code = 125): Promise<void> {
  writeFileSync(archive, bytes);
  const store = whole();
  const result = await host.run(['load', '-q', '-i', archive]);
  assert.equal(result.code, code, `${what}: ${result.stderr}`);
  assert.match(result.stderr, line, what);
  assert.equal(result.stderr.trimEnd().split('\n').length, 1, `${what}: ${result.stderr}`);
  assert.equal(result.stdout, '', what);
  assert.deepEqual(whole(), store, `${what}: the store is as before`);
}

test('the archive that the others are made of loads and runs', async () => {
  writeFileSync(archive, made());
  assert.equal(await host.ok('load', '-q', '-i', archive), 'Loaded image: app:v1');
  assert.equal(await host.ok('run', '--rm', 'app:v1'), 'loaded');
  await host.ok('rmi', 'app:v1');
});

test('what is no archive of images', async () => {
  await refuses('nothing', Buffer.alloc(0), /cannot load the archive: it is empty/);
  await refuses('text', Buffer.from('no archive\n'.repeat(200)), /no tar archive/);
  await refuses(
    'a root file system',
    rawTar({ name: 'etc/passwd', data: 'x' }),
    /neither an index\.json.*nor/,
  );
  await refuses('an empty tar', rawTar(), /neither an index\.json.*nor/);
  await refuses('xz', execFileSync('xz', ['-c'], { input: made(), maxBuffer: 2 ** 28 }), /xz/);
  const missing = await host.fails(1, 'load', '-i', `${directory}/nowhere.tar`);
  assert.match(missing, /there is no such file/);
  assert.match(await host.fails(1, 'load', '-i', directory), /it is a directory/);
});

test('an archive that ends too early, wherever it was cut', async () => {
  const bytes = made();
  for (const at of [1, 511, 600, 1024, 2000, 4096, bytes.length >> 1, bytes.length - 2000]) {
    await refuses(`cut at ${at}`, bytes.subarray(0, at), /cannot load the archive/);
  }
});

test('tables that say nothing sensible', async () => {
  const tables: ReadonlyArray<readonly [unknown, RegExp]> = [
    [{}, /manifest\.json is no list/],
    [[], /lists no image/],
    [[null], /names no config/],
    [[{ ...row, Layers: [5] }], /no config or no layers/],
    [[{ ...row, RepoTags: 'app' }], /names that are none/],
    [[{ ...row, Config: 'other.json' }], /lacks the config "other\.json"/],
    [[{ ...row, Layers: ['gone.tar'] }], /lacks the layer "gone\.tar"/],
    [[{ ...row, Layers: [] }], /its config speaks of 1 layers, its manifest of 0/],
    [[{ ...row, Layers: Array(100_000).fill('layer.tar') }], /100000 layers/],
  ];
  for (const [value, line] of tables) {
    await refuses(JSON.stringify(value).slice(0, 60), made({ manifest: text('manifest.json', value) }), line);
  }
  await refuses('no JSON', made({ manifest: { name: 'manifest.json', data: '[{' } }), /no JSON/);
  const large = { name: 'manifest.json', data: Buffer.alloc(9 * 2 ** 20, ' ') };
  await refuses('a large table', made({ manifest: large }), /manifest\.json has more than \d+ bytes/);
});

test('configs and layers that do not fit', async () => {
  const configs: ReadonlyArray<readonly [unknown, RegExp]> = [
    [[], /config is no JSON object/],
    [{ ...config, rootfs: {} }, /lists no layers/],
    [{ ...config, rootfs: { diff_ids: ['../../etc/passwd'] } }, /lists no layers/],
    [{ ...config, os: 7 }, /names no platform/],
    [{ ...config, config: { Env: 'A=b' } }, /Env has the wrong form/],
    [{ ...config, rootfs: { diff_ids: [digestOf(Buffer.from('x'))] } }, /not what its image says/],
  ];
  for (const [value, line] of configs) {
    await refuses(JSON.stringify(value).slice(0, 60), made({ config: text('config.json', value) }), line);
  }
  const notTar = { name: 'layer.tar', data: 'no tar at all'.repeat(100) };
  await refuses('a layer that is no tar', made({ layer: notTar }), /no tar archive/);
});

test('names and links of the archive lead nowhere', async () => {
  const outside = `${directory}/outside`;
  const link = { name: 'layer.tar', flag: '2', link: '/etc/passwd' };
  await refuses('a link to the host', made({ layer: link }), /lacks the layer/);
  const round = { name: 'layer.tar', flag: '2', link: 'layer.tar' };
  await refuses('a link to itself', made({ layer: round }), /lacks the layer/);
  const away: RawEntry = { name: `../../../../../..${outside}`, data: 'x' };
  const absolute: RawEntry = { name: outside, data: 'x' };
  writeFileSync(archive, made({}, away, absolute, { name: 'dev', flag: '3', major: 1, minor: 3 }));
  const store = whole();
  await host.ok('load', '-q', '-i', archive);
  assert.throws(() => readFileSync(outside), /ENOENT/);
  await host.ok('rmi', 'app:v1');
  assert.deepEqual(whole(), store, 'nothing is kept that belongs to no image');
});

test('an archive that would fill the disk: sparse files and the sum of all', async () => {
  const holes = pax(
    ['GNU.sparse.major', '0'],
    ['GNU.sparse.size', String(8 * 2 ** 40)],
    ['GNU.sparse.map', '0,0'],
  );
  await refuses(
    '8 TB of holes',
    made({}, holes, { name: 'huge' }),
    /more than \d+ bytes.*MYDOCKER_MAX_LAYER_BYTES/,
  );
});

test('OCI layouts: a damaged blob, a missing one, types nobody knows, indexes that name each other', async () => {
  await host.ok('save', '--format', 'oci-archive', '-o', archive, 'busybox');
  const files = new Map<string, Buffer>();
  for (const name of execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trimEnd().split('\n')) {
    if (!name.endsWith('/'))
      files.set(name, execFileSync('tar', ['-xOf', archive, name], { maxBuffer: 2 ** 28 }));
  }
  const other = new PullHost();
  const packed = (change: (all: Map<string, Buffer>) => void): Buffer => {
    const all = new Map(files);
    change(all);
    return rawTar(...[...all].map(([name, data]) => ({ name, data })));
  };
  const index = JSON.parse(files.get('index.json')?.toString() ?? '');
  const [{ digest }] = index.manifests;
  const manifestName = `blobs/sha256/${digest.slice(7)}`;
  const manifest = JSON.parse(files.get(manifestName)?.toString() ?? '');
  const layerName = `blobs/sha256/${manifest.layers[0].digest.slice(7)}`;
  const withIndex = (value: unknown) =>
    packed((all) => all.set('index.json', Buffer.from(JSON.stringify(value))));
  const withManifest = (value: unknown) =>
    packed((all) => {
      const bytes = Buffer.from(JSON.stringify(value));
      all.set(`blobs/sha256/${digestOf(bytes).slice(7)}`, bytes);
      const entry = { ...index.manifests[0], digest: digestOf(bytes), size: bytes.length };
      all.set('index.json', Buffer.from(JSON.stringify({ ...index, manifests: [entry] })));
    });
  const rows: ReadonlyArray<readonly [string, Buffer, RegExp]> = [
    ['flipped', packed((all) => all.set(layerName, flipped(all.get(layerName)))), /holds sha256:/],
    ['no layer', packed((all) => all.delete(layerName)), /lacks the (layer|blob)/],
    ['no manifest', packed((all) => all.delete(manifestName)), /lacks the blob/],
    ['no JSON', packed((all) => all.set('index.json', Buffer.from('{'))), /no JSON/],
    ['no list', withIndex({ ...index, manifests: 7 }), /lists no manifests/],
    ['nothing', withIndex({ ...index, manifests: [] }), /names no image/],
    [
      'odd digest',
      withIndex({ ...index, manifests: [{ ...index.manifests[0], digest: 'md5:x' }] }),
      /no sha256/,
    ],
    [
      'negative',
      withManifest({ ...manifest, layers: [{ ...manifest.layers[0], size: -1 }] }),
      /impossible size -1/,
    ],
    [
      'odd type',
      withManifest({ ...manifest, layers: [{ ...manifest.layers[0], mediaType: 'a/b' }] }),
      /unknown type/,
    ],
    ['odd manifest', withManifest({ ...manifest, mediaType: 'text/html' }), /media type/],
  ];
  for (const [what, bytes, line] of rows) {
    writeFileSync(archive, bytes);
    const store = other.store();
    assert.match(await other.fails(125, 'load', '-q', '-i', archive), line, what);
    const { downloads: _, ...left } = other.store() as { downloads: string[] };
    const { downloads: __, ...was } = store as { downloads: string[] };
    assert.deepEqual(left, was, what);
  }
});

function flipped(bytes: Buffer | undefined): Buffer {
  const copy = Buffer.from(bytes ?? assert.fail());
  copy[copy.length >> 1] = (copy[copy.length >> 1] ?? 0) ^ 1;
  return copy;
}

for (const call of LASTING_CALLS) {
  test(`kill -9 in load at each ${call}: the image is whole or not there, and prune leaves no byte`, async () => {
    const clean = whole();
    writeFileSync(archive, made());
    let kills = 0;
    for (let nth = 1; ; nth = nextOf(nth)) {
      const killed = await killedAt(host, call, nth, 'load', '-q', '-i', archive);
      if ((await host.ok('images', '-q', 'app')) !== '') {
        assert.equal(await host.ok('run', '--rm', '--pull', 'never', 'app:v1'), 'loaded', `${call} ${nth}`);
        await host.ok('rmi', 'app:v1');
      }
      if (nth % 3 === 0) {
        // A second try goes through, whatever the first one left.
        await host.ok('load', '-q', '-i', archive);
        assert.equal(await host.ok('run', '--rm', '--pull', 'never', 'app:v1'), 'loaded', `${call} ${nth}`);
        await host.ok('rmi', 'app:v1');
      }
      await host.ok('image', 'prune', '-f');
      assert.deepEqual(whole(), clean, `${call} ${nth}`);
      if (!killed) break;
      kills++;
    }
    assert.ok(kills > 0, 'it makes such calls');
  });
}

test('a disk that is full half-way through a load: one error, nothing kept', async () => {
  writeFileSync(archive, made());
  const small = mkdtempSync('/var/tmp/mydocker-small-');
  const script = `
    mount -t tmpfs -o size=2600k none ${small} && export MYDOCKER_ROOT=${small}/root
    '${EXECUTABLE}' load -q -i ${archive}; echo "code $?"
    ls $MYDOCKER_ROOT/images/blobs/sha256 $MYDOCKER_ROOT/layers | grep -c '^[0-9a-f]\\{64\\}$'
    mount -o remount,size=100m ${small}
    '${EXECUTABLE}' load -q -i ${archive}; echo "code $?"`;
  const result = await command('unshare', ['-m', 'sh', '-c', script]);
  rmSync(small, { recursive: true });
  assert.match(result.stderr, /^mydocker: .*no space.*\n$/i);
  assert.equal(result.stdout, 'code 125\n0\nLoaded image: app:v1\ncode 0\n');
});
