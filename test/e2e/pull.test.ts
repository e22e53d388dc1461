/** `pull`, and `run` of an image that is not here, against a real registry. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { BadNetwork } from './bad-network.ts';
import { command, EXECUTABLE } from './harness.ts';
import { DOCKER, HOST_ARCHITECTURE, layerOf, OCI, Publisher } from './publish.ts';
import { busyboxFiles, lastLine, PullHost } from './pulls.ts';
import { freePort, PASSWORD, Registry, USER } from './registry.ts';

const host = new PullHost();
const base = layerOf(busyboxFiles());
const hello = layerOf({ hello: 'hello from afar\n' });
const registry = await Registry.start();
after(() => registry.stop());
const publisher = new Publisher(registry.host);
const name = `${registry.host}/team/app:v1`;
await publisher.publish('team/app', 'v1', { layers: [base, hello] });

async function pullFails(args: string[], code: number, line: RegExp, from = host): Promise<void> {
  const store = from.store();
  const result = await from.run(['pull', ...args]);
  assert.equal(result.code, code, result.stderr);
  assert.match(lastLine(result.stderr), line);
  assert.equal(result.stdout, '');
  assert.deepEqual(from.store(), store, 'the store is as before');
}

test('pull fetches an image that runs; a second pull fetches nothing', async () => {
  const first = await host.run(['pull', name]);
  assert.equal(first.code, 0, first.stderr);
  const lines = first.stdout.trimEnd().split('\n');
  assert.match(lines[0] ?? '', /^Digest: sha256:[0-9a-f]{64}$/);
  assert.deepEqual(lines.slice(1), [`Status: Downloaded newer image for ${name}`, name]);
  assert.equal(await host.ok('run', '--rm', name, 'cat', '/hello'), 'hello from afar');
  // Its configuration and two layers.
  await registry.logged(3, 'GET /v2/team/app/blobs/');
  const [given, asked] = [registry.blobBytes('team/app'), registry.requests().length];
  const again = await host.ok('pull', name);
  await registry.logged(asked + 1, '');
  assert.match(again, new RegExp(`Status: Image is up to date for ${name}`));
  assert.equal(registry.blobBytes('team/app') - given, 0);
  assert.deepEqual((host.store() as { downloads: string[] }).downloads, []);
});

test('pull -q prints the name alone', async () => {
  const result = await host.run(['pull', '-q', name]);
  assert.deepEqual([result.code, result.stdout, result.stderr], [0, `${name}\n`, '']);
});

test('pull by digest, with a tag beside it or without', async () => {
  const digest = /Digest: (\S+)/.exec(await host.ok('pull', name))?.[1] ?? '';
  const other = new PullHost();
  await other.ok('pull', `${registry.host}/team/app@${digest}`);
  await other.ok('pull', `${name}@${digest}`);
  assert.equal(await other.ok('run', '--rm', name, 'cat', '/hello'), 'hello from afar');
  const wrong = `sha256:${'0'.repeat(64)}`;
  await pullFails([`${registry.host}/team/app@${wrong}`], 1, /has no image/, other);
});

test('of an index the image for this machine is taken, of its variants the best; others by --platform', async () => {
  const layers = [base];
  const put = async (tag: string, architecture: string, variant?: string) => {
    const platform = { architecture, ...(variant === undefined ? {} : { variant }) };
    const config = { Env: [`FOR=${architecture}${variant ?? ''}`, 'PATH=/bin'] };
    const manifest = await publisher.publish('multi', tag, { layers, platform, config, docker: true });
    return { ...manifest, platform: { os: 'linux', ...platform } };
  };
  const manifests = [
    await put('v5', 'arm', 'v5'),
    await put('v7', 'arm', 'v7'),
    await put('v6', 'arm', 'v6'),
    await put('here', HOST_ARCHITECTURE),
  ];
  const attestation = {
    ...manifests[0],
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };
  const multi = `${registry.host}/multi`;
  await publisher.putManifest('multi', 'list', DOCKER.index, {
    schemaVersion: 2,
    mediaType: DOCKER.index,
    manifests,
  });
  await publisher.putManifest('multi', 'index', OCI.index, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [attestation, ...manifests],
  });
  for (const tag of ['list', 'index']) {
    const result = await host.ok('run', '--rm', `${multi}:${tag}`, 'sh', '-c', 'echo $FOR');
    assert.equal(result, HOST_ARCHITECTURE);
  }
  const env = async (platform: string, tag: string) => {
    await host.ok('pull', '--platform', platform, `${multi}:${tag}`);
    return host.ok('inspect', '--format', '{{.Config.Env}}', `${multi}:${tag}`);
  };
  assert.match(await env('linux/arm/v6', 'index'), /FOR=armv6/);
  assert.match(await env('linux/arm', 'list'), /FOR=armv7/);
  await pullFails(['--platform', 'linux/s390x', `${multi}:index`], 1, /linux\/arm\/v7/);
  await pullFails(['--platform', 'a/b/c/d', `${multi}:index`], 125, /no platform/);
});

test('a second image that shares the base: no byte of it is fetched or unpacked again', async () => {
  const other = new PullHost();
  await publisher.publish('team/second', 'v1', { layers: [base, layerOf({ second: randomBytes(1000) })] });
  await other.ok('pull', name);
  const before = (other.store() as { layers: string[] }).layers;
  await other.ok('pull', `${registry.host}/team/second:v1`);
  // Its configuration and its own layer.
  await registry.logged(2, 'GET /v2/team/second/blobs/');
  const fetched = registry.blobBytes('team/second');
  assert.ok(fetched > 1000 && fetched < 5000, `${fetched} bytes`);
  const { layers } = other.store() as { layers: string[] };
  assert.equal(layers.length, before.length + 1);
});

test('layers of gzip, zstd and none, of Docker’s and OCI’s types', async () => {
  const tar = gunzipSync(hello.blob);
  const zstd = execFileSync('zstd', ['-c'], { input: tar });
  const layers = [
    { ...base, mediaType: OCI.layer },
    { diffId: hello.diffId, blob: zstd, mediaType: OCI.layer.replace('gzip', 'zstd') },
    { diffId: hello.diffId, blob: tar, mediaType: OCI.layer.replace('+gzip', '') },
  ];
  await publisher.publish('mixed', 'v1', { layers });
  assert.equal(await host.ok('run', '--rm', `${registry.host}/mixed:v1`, 'cat', '/hello'), 'hello from afar');
});

test('an image that skopeo, umoci and buildah wrote: registry, pull, run', async () => {
  const directory = mkdtempSync('/var/tmp/mydocker-tools-');
  after(() => rmSync(directory, { recursive: true, force: true }));
  const tool = async (program: string, ...args: string[]) => {
    const result = await command(program, args, { env: { HOME: directory } });
    assert.equal(result.code, 0, `${program} ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const to = (repository: string) => `docker://${registry.host}/${repository}`;
  const layout = `${directory}/layout`;
  await tool('skopeo', 'copy', '--src-tls-verify=false', `docker://${name}`, `oci:${layout}:v1`);
  await tool('umoci', 'unpack', '--image', `${layout}:v1`, `${directory}/bundle`);
  mkdirSync(`${directory}/bundle/rootfs/made`);
  writeFileSync(`${directory}/bundle/rootfs/made/by-umoci`, 'umoci was here');
  await tool('umoci', 'repack', '--image', `${layout}:v2`, `${directory}/bundle`);
  await tool('skopeo', 'copy', '--dest-tls-verify=false', `oci:${layout}:v2`, to('umoci:v2'));
  const umoci = `${registry.host}/umoci:v2`;
  assert.equal(await host.ok('run', '--rm', umoci, 'cat', '/made/by-umoci'), 'umoci was here');

  const storage = ['--root', `${directory}/root`, '--runroot', `${directory}/run`, '--storage-driver', 'vfs'];
  const container = await tool('buildah', ...storage, 'from', 'scratch');
  await tool('buildah', ...storage, 'copy', container, `${directory}/bundle/rootfs`, '/');
  await tool('buildah', ...storage, 'config', '--env', 'BY=buildah', '--env', 'PATH=/bin', container);
  for (const format of ['oci', 'docker']) {
    await tool('buildah', ...storage, 'commit', '--format', format, container, `b-${format}`);
    const push = ['push', '--tls-verify=false', `b-${format}`, to(`buildah:${format}`)];
    await tool('buildah', ...storage, ...push);
    const image = `${registry.host}/buildah:${format}`;
    const script = 'echo $BY; cat /hello';
    assert.equal(await host.ok('run', '--rm', image, 'sh', '-c', script), 'buildah\nhello from afar');
  }
});

test('run and create: --pull missing, never and always; what the program prints stays alone', async () => {
  const other = new PullHost();
  await publisher.publish('moving', 'v1', { layers: [base, hello] });
  const moving = `${registry.host}/moving:v1`;
  const never = await other.run(['run', '--rm', '--pull', 'never', moving, 'cat', '/hello']);
  assert.equal(never.code, 125);
  assert.match(never.stderr, /--pull never/);
  const first = await other.run(['run', '--rm', moving, 'cat', '/hello']);
  assert.deepEqual([first.code, first.stdout], [0, 'hello from afar\n'], first.stderr);
  assert.match(first.stderr, /Pull complete/);
  await publisher.publish('moving', 'v1', { layers: [base, layerOf({ hello: 'moved\n' })] });
  assert.equal(await other.ok('run', '--rm', moving, 'cat', '/hello'), 'hello from afar');
  assert.equal(await other.ok('run', '--rm', '--pull', 'always', moving, 'cat', '/hello'), 'moved');
  await other.ok('create', '--pull', 'always', '--name', 'made', moving, 'cat', '/hello');
  const odd = await other.run(['run', '--pull', 'often', moving]);
  assert.equal(odd.code, 125);
  const missing = await other.run(['run', '--rm', `${registry.host}/no/such`, 'true']);
  assert.equal(missing.code, 125);
  assert.match(lastLine(missing.stderr), /has no image/);
});

test('the launcher, too: its runs have no compiler, its pulls have one', async () => {
  const other = new PullHost();
  const result = await command(EXECUTABLE, ['run', '--rm', name, 'cat', '/hello'], {
    env: { MYDOCKER_ROOT: other.root, BUN_JSC_useJIT: '0', HOME: other.root },
  });
  assert.deepEqual([result.code, result.stdout], [0, 'hello from afar\n'], result.stderr);
});

test('names of nobody: no such image, no such registry', async () => {
  await pullFails([`${registry.host}/team/app:v9`], 1, /has no image ".*v9"/);
  await pullFails([`${registry.host}/nobody/nothing`], 1, /has no image/);
  const port = await freePort();
  await pullFails([`127.0.0.1:${port}/a`], 125, /cannot reach the registry 127.0.0.1:\d+.*busybox/);
  await pullFails([`${registry.host}/Upper`], 125, /lower case/);
  await pullFails(['registry.invalid/a'], 125, /registry\.invalid.*busybox/);
});

test('the configuration: default registry, mirrors, what is wrong with it', async () => {
  const other = new PullHost();
  const plain = other.config;
  await publisher.publish('library/short', 'latest', { layers: [base, hello] });
  other.config = { ...plain, defaultRegistry: registry.host, defaultNamespace: 'library' };
  assert.equal(lastLine(await other.ok('pull', 'short')), `${registry.host}/library/short:latest`);
  const away = `127.0.0.1:${await freePort()}`;
  const mirrors = [`http://${away}`, `http://${registry.host}`];
  other.config = { ...plain, registries: { 'docker.io': { mirrors } } };
  const result = await other.run(['pull', 'short']);
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stderr, new RegExp(`mirror ${away}`));
  assert.equal(lastLine(result.stdout), 'docker.io/library/short:latest');
  assert.equal(await other.ok('run', '--rm', 'short', 'cat', '/hello'), 'hello from afar');
  for (const [config, line] of [
    [{ mirror: [] }, /"mirror" is not known/],
    [{ timeoutS: -1 }, /"timeoutS"/],
    [{ registries: { a: { mirrors: 'x' } } }, /"mirrors" of "a"/],
  ] as const) {
    other.config = config;
    await pullFails(['short'], 125, line, other);
  }
});

test('Basic: refused without a password and with a wrong one; with the right one it comes', async () => {
  const other = new PullHost();
  const closed = await Registry.start({ auth: 'basic' });
  after(() => closed.stop());
  await new Publisher(closed.host).publish('app', 'v1', { layers: [base, hello] });
  const app = `${closed.host}/app:v1`;
  await pullFails([app], 1, /mydocker login/, other);
  const auth = (text: string) => ({ [closed.host]: { auth: Buffer.from(text).toString('base64') } });
  other.auths = auth(`${USER}:wrong`);
  await pullFails([app], 1, /wrong/, other);
  other.auths = auth(`${USER}:${PASSWORD}`);
  await other.ok('pull', app);
});

test('who we are is not told to the host a registry sends us on to', async () => {
  const other = new PullHost();
  const closed = await Registry.start({ auth: 'basic' });
  after(() => closed.stop());
  await new Publisher(closed.host).publish('app', 'v1', { layers: [base, hello] });
  await publisher.publish('app', 'v1', { layers: [base, hello] });
  const front = await BadNetwork.before(closed.host);
  after(() => front.stop());
  const elsewhere = await BadNetwork.before(registry.host);
  after(() => elsewhere.stop());
  front.fault = (_method, path) =>
    path.includes('/blobs/')
      ? { kind: 'answer', status: 307, headers: { location: `http://${elsewhere.host}${path}` } }
      : undefined;
  other.auths = { [front.host]: { auth: Buffer.from(`${USER}:${PASSWORD}`).toString('base64') } };
  await other.ok('pull', `${front.host}/app:v1`);
  assert.ok(front.asked.some(({ authorization }) => authorization !== undefined));
  assert.equal(elsewhere.asked.length, 3);
  assert.ok(elsewhere.asked.every(({ authorization }) => authorization === undefined));
});

test('TLS: an unknown certificate is refused; --insecure and the configuration take it', async () => {
  const other = new PullHost();
  const secret = await Registry.start({ tls: true });
  after(() => secret.stop());
  await new Publisher(secret.host, 'https').publish('app', 'v1', { layers: [base, hello] });
  const app = `${secret.host}/app:v1`;
  await pullFails([app], 125, /certificate/, other);
  await other.ok('pull', '--insecure', app);
  await other.ok('rmi', app);
  other.config = { ...other.config, registries: { [secret.host]: { insecure: true } } };
  await other.ok('pull', app);
});

test('tokens: anybody may pull what is open, and one token serves a whole pull', async () => {
  const other = new PullHost();
  const open = await Registry.start({ auth: 'token' });
  after(() => open.stop());
  const directory = `${other.root}/docker`;
  mkdirSync(directory);
  const login = { auths: { [open.host]: { auth: Buffer.from(`${USER}:${PASSWORD}`).toString('base64') } } };
  writeFileSync(`${directory}/auth.json`, JSON.stringify(login));
  const copy = await command('skopeo', [
    ...['copy', '--authfile', `${directory}/auth.json`],
    ...['--src-tls-verify=false', '--dest-tls-verify=false'],
    ...[`docker://${name}`, `docker://${open.host}/app:v1`],
  ]);
  assert.equal(copy.code, 0, copy.stderr);
  const asked = open.tokens?.requests ?? 0;
  await other.ok('pull', `${open.host}/app:v1`);
  assert.equal((open.tokens?.requests ?? 0) - asked, 1);
  other.auths = { [open.host]: { auth: Buffer.from(`${USER}:wrong`).toString('base64') } };
  await pullFails([`${open.host}/app:v1`], 1, /wrong/, other);
});
