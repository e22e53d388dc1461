/** `push` to a real registry: what is sent, what is not sent again, what a bad network does to it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { BadNetwork } from './bad-network.ts';
import { command, until } from './harness.ts';
import { layerOf, OCI, Publisher } from './publish.ts';
import { busyboxFiles, lastLine, PullHost } from './pulls.ts';
import { freePort, PASSWORD, Registry, USER } from './registry.ts';

const host = new PullHost();
const registry = await Registry.start();
const network = await BadNetwork.before(registry.host);
after(() => Promise.all([registry.stop(), network.stop()]));
const publisher = new Publisher(registry.host);
const base = layerOf(busyboxFiles());
const hello = layerOf({ hello: 'hello from afar\n' });
const skopeo = async (...args: string[]): Promise<string> => {
  const result = await command('skopeo', args);
  assert.equal(result.code, 0, result.stderr);
  return result.stdout.trim();
};

/** The registry's log of what was done since, to the end of a push: a line comes a moment after its answer. */
function sinceNow(): (repository: string) => Promise<string[]> {
  const before = registry.requests().length;
  const done = () => registry.requests().slice(before);
  return async (repository) => {
    const last = `PUT /v2/${repository}/manifests/`;
    await until(`${last} is in the log`, () => done().some((line) => line.startsWith(last)));
    return done();
  };
}

/** "REPOSITORY sha256:…" of the blobs that were sent. */
const sent = (requests: readonly string[]): string[] =>
  requests.flatMap((line) => /^PUT \/v2\/(\S+)\/blobs\/uploads\//.exec(line)?.[1] ?? []);

async function fails(code: number, line: RegExp, ...args: string[]): Promise<void> {
  const store = host.store();
  const result = await host.run(['push', '-q', ...args]);
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, line);
  assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
  assert.equal(result.stdout, '');
  assert.deepEqual(host.store(), store, 'the store is as before');
}

test('push sends an image that others read under the digest it says, and that runs elsewhere', async () => {
  const name = `${registry.host}/team/box:v1`;
  await host.ok('run', '--name', 'maker', 'busybox', 'sh', '-c', 'echo made here > /made');
  await host.ok('commit', '-c', 'CMD ["cat","/made"]', 'maker', name);
  await host.ok('rm', 'maker');
  const pushed = await host.run(['push', name]);
  assert.equal(pushed.code, 0, pushed.stderr);
  const [, digest = '', size] =
    /^v1: digest: (sha256:[0-9a-f]{64}) size: (\d+)\n$/.exec(pushed.stdout) ?? assert.fail(pushed.stdout);
  assert.match(pushed.stderr, /^[0-9a-f]{12}: Pushing\n[\s\S]*[0-9a-f]{12}: Pushed\n/);
  const source = `docker://${registry.host}/team/box:v1`;
  const raw = await skopeo('inspect', '--raw', '--tls-verify=false', source);
  assert.equal(raw.length, Number(size));
  const seen = JSON.parse(await skopeo('inspect', '--tls-verify=false', source));
  assert.equal(seen.Digest, digest);
  assert.equal(seen.Layers.length, 2);
  const [{ Id: id, RepoDigests: digests }] = JSON.parse(await host.ok('image', 'inspect', name));
  assert.deepEqual(digests, [`${registry.host}/team/box@${digest}`]);
  const other = new PullHost();
  await other.ok('pull', `${registry.host}/team/box@${digest}`);
  await other.ok('pull', name);
  assert.equal(JSON.parse(await other.ok('image', 'inspect', name))[0].Id, id);
  assert.equal(await other.ok('run', '--rm', '--pull', 'never', name), 'made here');
});

test('what is there is not sent again; another repository of the registry gives it away', async () => {
  const since = sinceNow();
  const name = `${registry.host}/team/box:v1`;
  const again = await host.run(['push', name]);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stderr, /^([0-9a-f]{12}: Already exists\n){2}$/);
  assert.deepEqual(sent(await since('team/box')), []);
  const elsewhere = `${registry.host}/other/copy:v2`;
  await host.ok('tag', name, elsewhere);
  const mounting = sinceNow();
  const mounted = await host.run(['push', elsewhere]);
  assert.equal(mounted.code, 0, mounted.stderr);
  assert.match(mounted.stderr, /^([0-9a-f]{12}: Mounted from another repository\n){2}$/);
  const done = await mounting('other/copy');
  const mounts = done.filter((line) => /^POST .*[?&]mount=sha256%3A[0-9a-f]{64}/.test(line));
  assert.ok(mounts.length >= 2 && mounts.every((line) => line.includes('from=team%2Fbox')), done.join('\n'));
  assert.ok(sent(done).length <= 1, `at most the config was sent: ${done.join('\n')}`);
  assert.equal(await host.ok('run', '--rm', elsewhere), 'made here');
});

test('a mount that the registry does not grant: the layer is sent', async () => {
  const [first, second] = [`${registry.host}/gone/a:v1`, `${registry.host}/gone/b:v1`];
  await publisher.publish('gone/a', 'v1', { layers: [base, layerOf({ lost: 'and found\n' })] });
  await host.ok('pull', '-q', first);
  await host.ok('tag', first, second);
  rmSync(registry.repositoryDirectory('gone/a'), { recursive: true });
  const since = sinceNow();
  await host.ok('push', '-q', second);
  const done = await since('gone/b');
  assert.ok(done.some((line) => /^POST .*mount=/.test(line)));
  assert.ok(sent(done).length > 0, done.join('\n'));
  const other = new PullHost();
  assert.equal(await other.ok('run', '--rm', second, 'cat', '/lost'), 'and found');
});

test('an image that was pulled is pushed as it came, byte for byte: gzip, zstd, Docker’s types', async () => {
  const tar = gunzipSync(hello.blob);
  const zstd = { diffId: hello.diffId, blob: execFileSync('zstd', ['-c'], { input: tar }) };
  const target = await Registry.start();
  after(() => target.stop());
  const images = {
    gzip: { layers: [base, hello] },
    zstd: { layers: [base, { ...zstd, mediaType: OCI.layer.replace('gzip', 'zstd') }] },
    docker: { layers: [base, hello], docker: true },
  };
  for (const [tag, image] of Object.entries(images)) {
    const { digest } = await publisher.publish('as/is', tag, image);
    await host.ok('pull', '-q', `${registry.host}/as/is:${tag}`);
    await host.ok('tag', `${registry.host}/as/is:${tag}`, `${target.host}/as/is:${tag}`);
    assert.match(await host.ok('push', `${target.host}/as/is:${tag}`), new RegExp(digest), tag);
    const read = ['inspect', '--raw', '--tls-verify=false'];
    const [from, to] = [`docker://${registry.host}/as/is:${tag}`, `docker://${target.host}/as/is:${tag}`];
    assert.equal(await skopeo(...read, to), await skopeo(...read, from), tag);
    const other = new PullHost();
    assert.equal(
      await other.ok('run', '--rm', `${target.host}/as/is:${tag}`, 'cat', '/hello'),
      'hello from afar',
    );
  }
});

test('a layer that no compression saw yet is compressed once; the second push sends the same bytes', async () => {
  const target = await Registry.start();
  after(() => target.stop());
  await host.ok('tag', 'busybox', `${registry.host}/plain:v1`);
  await host.ok('tag', 'busybox', `${target.host}/plain:v1`);
  const digestOf = async (name: string) => /digest: (\S+)/.exec(await host.ok('push', name))?.[1];
  const first = await digestOf(`${registry.host}/plain:v1`);
  assert.equal(await digestOf(`${target.host}/plain:v1`), first);
  const { LayersData: layers } = JSON.parse(
    await skopeo('inspect', '--tls-verify=false', `docker://${target.host}/plain:v1`),
  );
  if (layers !== undefined) assert.match(layers[0].MIMEType, /gzip$/);
  assert.equal(await host.ok('run', '--rm', `${target.host}/plain:v1`, 'echo', 'still runs'), 'still runs');
});

test('push -a sends every tag of a name; -q prints the names alone', async () => {
  const repository = `${registry.host}/many/tags`;
  for (const tag of ['one', 'two', 'three']) await host.ok('tag', 'busybox', `${repository}:${tag}`);
  const result = await host.run(['push', '-q', '-a', repository]);
  assert.deepEqual([result.code, result.stderr], [0, '']);
  const lines = result.stdout.trimEnd().split('\n').sort();
  assert.deepEqual(lines, [`${repository}:one`, `${repository}:three`, `${repository}:two`]);
  const list = JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${repository}`));
  assert.deepEqual(list.Tags.sort(), ['one', 'three', 'two']);
});

test('what cannot be pushed: no such image, a digest, no such registry, a name that is none', async () => {
  await fails(1, /no image "nosuch"/, 'nosuch');
  await fails(1, /needs a tag, not a digest/, `busybox@sha256:${'0'.repeat(64)}`);
  await fails(1, /no image has the name/, '-a', 'nosuch');
  await fails(125, /invalid reference format/, 'Bad Name');
  const away = `127.0.0.1:${await freePort()}/a:v1`;
  await host.ok('tag', 'busybox', away);
  await fails(125, /cannot reach the registry 127\.0\.0\.1:\d+/, away);
});

test('a bad network: cut, busy and wrong answers of a push', async () => {
  const name = `${network.host}/net/app:v1`;
  await host.ok('tag', 'busybox', name);
  // The layers are compressed now, so that the failing ones change nothing.
  await host.ok('tag', 'busybox', `${registry.host}/net/warm:v1`);
  await host.ok('push', '-q', `${registry.host}/net/warm:v1`);
  const isUpload = (path: string): boolean => path.includes('/blobs/uploads/');
  for (const status of [429, 503]) {
    const count: Record<string, number> = {};
    network.mend();
    network.fault = (method) => {
      count[method] = (count[method] ?? 0) + 1;
      return count[method] > 2 ? undefined : { kind: 'status', status, retryAfterS: 0 };
    };
    rmSync(registry.repositoryDirectory('net/app'), { recursive: true, force: true });
    await host.ok('push', '-q', name);
    assert.deepEqual(Object.keys(count).sort(), ['GET', 'HEAD', 'POST', 'PUT']);
  }
  network.mend();
  network.fault = (method, path) =>
    method === 'PUT' && isUpload(path) ? { kind: 'answer', status: 503 } : undefined;
  rmSync(registry.repositoryDirectory('net/app'), { recursive: true });
  await fails(125, /does not serve us: status 503/, name);
  const tries = network.asked.filter(({ method, path }) => method === 'PUT' && isUpload(path));
  assert.ok(tries.length > 1 && tries.length < 20, `${tries.length} tries`);
  network.mend();
  network.fault = (method) => (method === 'POST' ? { kind: 'drop' } : undefined);
  await fails(125, /cannot reach the registry/, name);
  network.mend();
  network.fault = (method) => (method === 'POST' ? { kind: 'answer', status: 202 } : undefined);
  await fails(125, /says nowhere where to send a layer/, name);
  const wrong = { 'docker-content-digest': `sha256:${'0'.repeat(64)}` };
  network.mend();
  network.fault = (method, path) =>
    method === 'PUT' && path.includes('/manifests/')
      ? { kind: 'answer', status: 201, headers: wrong }
      : undefined;
  await fails(125, /keeps the image under sha256:0{64}/, name);
  network.mend();
  let drops = 0;
  network.fault = (method) => (method === 'PUT' && ++drops < 3 ? { kind: 'drop' } : undefined);
  await host.ok('push', '-q', name);
  const other = new PullHost();
  assert.equal(await other.ok('run', '--rm', name, 'echo', 'arrived'), 'arrived');
});

test('a registry that falls silent in a push: one error, soon', async () => {
  const name = `${network.host}/net/quiet:v1`;
  await host.ok('tag', 'busybox', name);
  const { config } = host;
  host.config = { ...config, timeoutS: 0.3 };
  network.mend();
  network.fault = (method) => (method === 'POST' ? { kind: 'silent' } : undefined);
  await fails(125, /0\.3 seconds/, name);
  network.fault = (method) => (method === 'PUT' ? { kind: 'silent' } : undefined);
  await fails(125, /0\.3 seconds/, name);
  host.config = config;
  network.mend();
});

test('Basic and tokens: who may push, who may not, and mounts of what one may read', async () => {
  for (const auth of ['basic', 'token'] as const) {
    const closed = await Registry.start({ auth });
    after(() => closed.stop());
    const names = ['a', 'b'].map((path) => `${closed.host}/own/${path}:v1`);
    const [first = '', second = ''] = names;
    for (const name of names) await host.ok('tag', 'busybox', name);
    host.auths = {};
    await fails(1, /mydocker login/, first);
    host.auths = { [closed.host]: { auth: Buffer.from(`${USER}:wrong`).toString('base64') } };
    await fails(1, /wrong|mydocker login/, first);
    host.auths = { [closed.host]: { auth: Buffer.from(`${USER}:${PASSWORD}`).toString('base64') } };
    await host.ok('push', '-q', first);
    const mounted = await host.run(['push', second]);
    assert.equal(mounted.code, 0, mounted.stderr);
    assert.match(mounted.stderr, /Mounted from another repository/, auth);
    const other = new PullHost();
    other.auths = host.auths;
    assert.equal(await other.ok('run', '--rm', second, 'echo', auth), auth);
    assert.equal(lastLine(await other.ok('pull', second)), second);
  }
});
