/** Pulls through a bad network, and images that are none: one clear error each, the store as before. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BadNetwork, type Fault } from './bad-network.ts';
import { command, EXECUTABLE } from './harness.ts';
import { digestOf, HOST_ARCHITECTURE, layerOf, OCI, Publisher, type TestLayer } from './publish.ts';
import { busyboxFiles, PullHost } from './pulls.ts';
import { Registry } from './registry.ts';

const host = new PullHost();
const registry = await Registry.start();
const publisher = new Publisher(registry.host);
const network = await BadNetwork.before(registry.host);
after(() => Promise.all([registry.stop(), network.stop()]));
const base = layerOf(busyboxFiles());
const big = layerOf({ big: randomBytes(300_000), hello: 'hello\n' });
const digest = digestOf(big.blob);
await publisher.publish('app', 'v1', { layers: [base, big] });
const name = `${network.host}/app:v1`;
const empty = host.store();

/** The fault for requests of the big layer. */
function onLayer(fault: (count: number) => Fault | undefined): void {
  network.mend();
  let count = 0;
  network.fault = (_method, path) => (path.endsWith(digest) ? fault(++count) : undefined);
}

const requestsOfLayer = () => network.asked.filter(({ path }) => path.endsWith(digest));

async function works(): Promise<void> {
  const result = await host.run(['pull', '-q', name]);
  assert.equal(result.code, 0, result.stderr);
  assert.equal(await host.ok('run', '--rm', name, 'cat', '/hello'), 'hello');
  network.mend();
  await host.ok('rmi', name);
  assert.deepEqual(host.store(), empty);
}

/** Fails with one line, and leaves nothing but what a next pull can use. */
async function fails(line: RegExp, code = 125, reference = name): Promise<void> {
  const result = await host.run(['pull', '-q', reference]);
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, line);
  assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
  const { downloads, ...store } = host.store() as { downloads: string[] };
  const { downloads: _, ...before } = empty as { downloads: string[] };
  assert.deepEqual(store, before, 'the store is as before');
  for (const file of downloads) assert.doesNotMatch(file, /claim/);
}

test('a layer that is cut at every k-th byte arrives: each request goes on where the last one ended', async () => {
  const step = Math.ceil(big.blob.length / 7);
  onLayer(() => ({ kind: 'cut', afterBytes: step }));
  const result = await host.run(['pull', name]);
  assert.equal(result.code, 0, result.stderr);
  const ranges = requestsOfLayer().map(({ range }) => range);
  assert.deepEqual(
    ranges,
    ranges.map((_, i) => (i === 0 ? undefined : `bytes=${i * step}-`)),
  );
  assert.equal(ranges.length, 7);
  network.mend();
  await host.ok('rmi', name);
});

test('cut at odd places, the first byte and the last: it arrives', async () => {
  for (const afterBytes of [0, 1, big.blob.length - 1]) {
    onLayer((count) => (count === 1 ? { kind: 'cut', afterBytes } : undefined));
    await works();
  }
});

test('a manifest and a config that are cut once arrive as well', async () => {
  for (const part of ['/manifests/', '/v2/app/blobs/']) {
    let count = 0;
    network.fault = (_method, path) =>
      path.includes(part) && ++count === 1 ? { kind: 'cut', afterBytes: 3 } : undefined;
    await works();
  }
});

test('a network that gives nothing: the pull ends, and the next command goes on with what there is', async () => {
  const half = Math.floor(big.blob.length / 2);
  onLayer((count) => (count === 1 ? { kind: 'cut', afterBytes: half } : { kind: 'drop' }));
  await fails(/127\.0\.0\.1:\d+.*cut/);
  assert.ok(requestsOfLayer().length <= 8, `${requestsOfLayer().length} requests`);
  onLayer(() => undefined);
  assert.equal((await host.run(['pull', '-q', name])).code, 0);
  assert.deepEqual(
    requestsOfLayer().map(({ range }) => range),
    [`bytes=${half}-`],
  );
  network.mend();
  await host.ok('rmi', name);
});

test('a registry that does not know Range: the layer comes from its first byte again', async () => {
  onLayer((count) => (count < 3 ? { kind: 'whole', cutAfterBytes: 100_000 } : { kind: 'whole' }));
  await works();
});

test('another byte: refused, nothing of it is kept, and the next pull works', async () => {
  for (const atByte of [20, 150_000, big.blob.length - 9]) {
    onLayer(() => ({ kind: 'flip', atByte }));
    await fails(/other bytes|damaged/);
    assert.ok(!readdirSync(`${host.root}/downloads`).some((file) => file.includes(digest.slice(7))));
  }
  onLayer(() => undefined);
  await works();
});

test('what an earlier command left is damaged, too long or whole: it is noticed', async () => {
  const part = `${host.root}/downloads/${digest.slice(7)}.part`;
  for (const left of [randomBytes(5000), randomBytes(400_000), big.blob, big.blob.subarray(0, 7)]) {
    writeFileSync(part, left);
    onLayer(() => undefined);
    await works();
  }
  assert.throws(() => statSync(part), /ENOENT/);
});

test('a wrong length: more than was said, and less', async () => {
  onLayer((count) => (count === 1 ? { kind: 'length', moreBytes: 10 } : undefined));
  await works();
  onLayer(() => ({ kind: 'change', body: (body) => Buffer.concat([body, Buffer.alloc(100)]) }));
  await fails(/gives more than the \d+ bytes/);
  onLayer(() => ({
    kind: 'change',
    body: (body, headers) => {
      delete headers['content-range'];
      return body.subarray(0, 100);
    },
  }));
  await fails(/another part of a layer/);
});

test('429 and 503: again after a while; for ever: it gives up and says so', async () => {
  for (const status of [429, 503]) {
    let count = 0;
    network.fault = () => (++count % 3 === 0 ? undefined : { kind: 'status', status, retryAfterS: 0 });
    await works();
  }
  network.mend();
  network.fault = (_method, path) =>
    path.includes('/manifests/') ? { kind: 'answer', status: 503 } : undefined;
  await fails(/status 503/);
  assert.ok(network.asked.length <= 8, `${network.asked.length} requests`);
  network.fault = () => ({ kind: 'answer', status: 429, body: '{"errors":[{"message":"slow down"}]}' });
  await fails(/too many requests.*slow down/);
});

test('a registry that never answers, and one that falls silent: one error, soon', async () => {
  const { config } = host;
  host.config = { ...config, timeoutS: 0.3 };
  network.mend();
  network.fault = () => ({ kind: 'silent' });
  await fails(/cannot reach the registry.*0\.3 seconds/);
  network.fault = (_method, path) => (path.includes('/manifests/') ? { kind: 'silent' } : undefined);
  await fails(/0\.3 seconds/);
  onLayer((count) => ({ kind: 'stall', afterBytes: count === 1 ? 1000 : 0 }));
  await fails(/0\.3 seconds|a layer/);
  // Each piece has that long, not the whole: this takes 3 s at least.
  host.config = { ...config, timeoutS: 2 };
  onLayer(() => ({ kind: 'slow', bytes: 5000, pauseMs: 50 }));
  await works();
  host.config = config;
});

/** Another body instead of the manifest's. */
function manifest(change: (manifest: Record<string, unknown>) => unknown, type?: string): void {
  network.mend();
  network.fault = (_method, path) =>
    path.includes('/manifests/')
      ? {
          kind: 'change',
          body: (body, headers) => {
            delete headers['docker-content-digest'];
            if (type !== undefined) headers['content-type'] = type;
            const made = change(JSON.parse(body.toString()) as Record<string, unknown>);
            return Buffer.isBuffer(made) ? made : Buffer.from(JSON.stringify(made));
          },
        }
      : undefined;
}

interface Layer {
  mediaType: string;
  size: number;
  digest: string;
}

test('manifests that are none', async () => {
  const layers = (m: Record<string, unknown>) => m.layers as Layer[];
  const table: ReadonlyArray<readonly [RegExp, (m: Record<string, unknown>) => unknown, string?]> = [
    [/no JSON/, () => Buffer.from('{"schemaVersion": 2,')],
    [/no JSON object/, () => []],
    [/no JSON/, () => Buffer.from('')],
    [/schemaVersion/, ({ schemaVersion: _, ...m }) => m],
    [/schema 1/, (m) => ({ ...m, schemaVersion: 1 })],
    [/media type/, (m) => ({ ...m, mediaType: 'text/html' })],
    [/media type/, ({ mediaType: _, ...m }) => m, 'text/html'],
    [/100000 layers/, (m) => ({ ...m, layers: Array(100_000).fill({ size: 1 }) })],
    [/answers with more than/, (m) => ({ ...m, layers: Array(100_000).fill(layers(m)[0]) })],
    [/impossible size -5/, (m) => ({ ...m, layers: layers(m).map((one) => ({ ...one, size: -5 })) })],
    [/impossible size 1.5/, (m) => ({ ...m, config: { ...(m.config as Layer), size: 1.5 } })],
    [/unknown type/, (m) => ({ ...m, layers: layers(m).map((one) => ({ ...one, mediaType: 'a/b' })) })],
    [/cannot be run/, (m) => ({ ...m, config: { ...(m.config as Layer), mediaType: 'a/wasm' } })],
    [/no sha256 digest/, (m) => ({ ...m, layers: [{ ...layers(m)[0], digest: '../../etc/passwd' }] })],
    [/speaks of 2 layers/, (m) => ({ ...m, layers: layers(m).slice(1) })],
    [/lists no layers/, (m) => ({ ...m, layers: {} })],
    [/another config/, (m) => ({ ...m, config: { ...(m.config as Layer), size: 7 } })],
  ];
  for (const [line, change, type] of table) {
    manifest(change, type);
    await fails(line);
  }
});

test('a digest that is not that of the manifest', async () => {
  const { digest: right } = await publisher.publish('app', 'v2', { layers: [base] });
  network.mend();
  network.fault = () => ({ kind: 'change', body: (body) => Buffer.from(body.toString().replace('{', '{ ')) });
  await fails(/another manifest than sha256/, 125, `${network.host}/app:v2`);
  await fails(/another manifest than sha256/, 125, `${network.host}/app@${right}`);
});

test('a foreign platform: an index without ours, and an image of another system; of another processor: a warning', async () => {
  network.mend();
  const put = (tag: string, platform: { architecture: string; os?: string }) =>
    publisher.publish('foreign', tag, { layers: [base], platform });
  const foreign = {
    ...(await put('s390x', { architecture: 's390x' })),
    platform: { os: 'linux', architecture: 's390x' },
  };
  await publisher.putManifest('foreign', 'index', OCI.index, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [foreign],
  });
  const image = (tag: string): string => `${network.host}/foreign:${tag}`;
  await fails(/is not made for linux\/\w+; there is linux\/s390x/, 1, image('index'));
  await put('plain', { architecture: HOST_ARCHITECTURE });
  const asked = await host.run(['pull', '-q', '--platform', 'linux/s390x', image('plain')]);
  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /is not made for linux\/s390x; there is linux\//);
  await put('windows', { architecture: HOST_ARCHITECTURE, os: 'windows' });
  await fails(/is not made for linux\/\w+; there is windows\//, 1, image('windows'));
  const warned = await host.run(['pull', image('s390x')]);
  assert.equal(warned.code, 0, warned.stderr);
  assert.match(warned.stderr, /is made for linux\/s390x, and this machine is linux\//);
  await host.ok('rmi', image('s390x'));
});

test('layers that are none: no tar, no gzip, another one than the config says', async () => {
  const bad: Record<string, [TestLayer, RegExp]> = {
    notar: [{ ...gzipped(Buffer.from('this is no tar'.repeat(100))) }, /./],
    nogzip: [{ blob: Buffer.from([0x1f, 0x8b, 1, 2, 3]), diffId: base.diffId }, /gzip data is damaged/],
    other: [{ blob: big.blob, diffId: digestOf(Buffer.from('x')) }, /not what its image says/],
  };
  network.mend();
  for (const [tag, [layer, line]] of Object.entries(bad)) {
    await publisher.publish('app', tag, { layers: [base, layer] });
    await fails(line, 125, `${network.host}/app:${tag}`);
  }
});

function gzipped(bytes: Buffer): TestLayer {
  return { blob: gzipSync(bytes), diffId: digestOf(bytes), mediaType: OCI.layer };
}

test('a disk that is full half-way: one error, and with room again the pull goes through', async () => {
  const layers = [base, layerOf({ large: randomBytes(30_000_000) })];
  await publisher.publish('large', 'v1', { layers });
  network.mend();
  const directory = mkdtempSync('/var/tmp/mydocker-small-');
  const script = `
    mount -t tmpfs -o size=24m none ${directory} && export MYDOCKER_ROOT=${directory}/root
    '${EXECUTABLE}' pull -q ${network.host}/large:v1; echo "code $?"
    ls -d $MYDOCKER_ROOT/layers/????????????????????????????????????????* 2>/dev/null | wc -l
    mount -o remount,size=120m ${directory}
    '${EXECUTABLE}' pull -q ${network.host}/large:v1; echo "code $?"
    '${EXECUTABLE}' images -q | wc -l`;
  const result = await command('unshare', ['-m', 'sh', '-c', script], { env: host.settings() });
  rmSync(directory, { recursive: true });
  assert.match(result.stderr, /^mydocker: .*no space.*\n$/i);
  const large = `${network.host}/large:v1`;
  assert.deepEqual(result.stdout.trim().split('\n'), ['code 125', '0', large, 'code 0', '1']);
});
