/** save and load, and the same archives with Docker, podman and skopeo, in both directions. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { command, EXECUTABLE } from './harness.ts';
import { PullHost } from './pulls.ts';
import { Registry } from './registry.ts';
import { Tools } from './tools.ts';
import { treeOf } from './tree.ts';

const host = new PullHost();
const tools = new Tools();
const directory = mkdtempSync('/var/tmp/mydocker-archives-');
const file = (name: string): string => `${directory}/${name}`;
after(async () => {
  await tools.close();
  rmSync(directory, { recursive: true });
});

/** Two images that share their base, the second with two names. */
const ids: Record<string, string> = {};
before(async () => {
  for (const name of ['one', 'two']) {
    await host.ok('run', '--name', name, 'busybox', 'sh', '-c', `echo this is ${name} > /what`);
    ids[name] = await host.ok('commit', '-c', 'CMD ["cat","/what"]', name, `team/${name}:v1`);
    await host.ok('rm', name);
  }
  await host.ok('tag', 'team/two:v1', 'registry.example.com:5000/deep/er/two:tagged');
  await tools.startDocker();
});

const idOf = async (where: PullHost, name: string): Promise<string> =>
  JSON.parse(await where.ok('image', 'inspect', name))[0].Id;
const members = (path: string): string[] =>
  execFileSync('tar', ['-tf', path], { encoding: 'utf8' }).trimEnd().split('\n');

for (const format of ['docker-archive', 'oci-archive']) {
  test(`save --format ${format} and load: the same images under the same names, what they share once`, async () => {
    const names = ['team/one:v1', 'team/two:v1', 'registry.example.com:5000/deep/er/two:tagged'];
    const path = file(`${format}.tar`);
    assert.equal(await host.ok('save', '--format', format, '-o', path, ...names), '');
    const list = members(path);
    assert.equal(new Set(list).size, list.length);
    // Two manifests, two configs, two layers of their own, the base.
    assert.equal(list.filter((name) => /^blobs\/sha256\/[0-9a-f]{64}$/.test(name)).length, 7);
    const other = new PullHost();
    const said = (await other.ok('load', '-q', '-i', path)).split('\n').sort();
    assert.deepEqual(said, names.map((name) => `Loaded image: ${name}`).sort());
    for (const name of names) assert.equal(await idOf(other, name), await idOf(host, name), name);
    assert.equal(await other.ok('run', '--rm', '--pull', 'never', 'team/one:v1'), 'this is one');
    assert.equal((other.store() as { layers: string[] }).layers.length, 3);
    assert.match(await other.ok('load', '-q', '-i', path), /Loaded image/, 'once more changes nothing');
    await other.ok('rmi', ...names);
    assert.deepEqual(
      [(other.store() as { blobs: string[] }).blobs, (other.store() as { layers: string[] }).layers],
      [[], []],
    );
  });
}

test('save writes the same bytes for the same images, to a file or a pipe; load takes a pipe and compressions', async () => {
  await host.ok('save', '-o', file('again.tar'), 'team/one:v1');
  const bytes = readFileSync(file('again.tar'));
  const piped = `'${EXECUTABLE}' save team/one:v1 > ${file('piped.tar')}`;
  const env = { MYDOCKER_ROOT: host.root };
  assert.equal((await command('sh', ['-c', piped], { env })).code, 0);
  assert.ok(bytes.equals(readFileSync(file('piped.tar'))));
  execFileSync('zstd', ['-q', file('again.tar'), '-o', file('again.zst')]);
  writeFileSync(file('again.gz'), gzipSync(bytes));
  for (const name of ['again.tar', 'again.gz', 'again.zst']) {
    const other = new PullHost();
    const line = `'${EXECUTABLE}' load < ${file(name)}`;
    const result = await command('sh', ['-c', line], { env: { MYDOCKER_ROOT: other.root } });
    assert.deepEqual([result.code, result.stdout], [0, 'Loaded image: team/one:v1\n'], result.stderr);
  }
});

test('an image saved by its id has no name; it loads by its id', async () => {
  await host.ok('save', '-o', file('id.tar'), ids.one?.slice(7, 19) ?? '');
  const other = new PullHost();
  assert.equal(await other.ok('load', '-q', '-i', file('id.tar')), `Loaded image ID: ${ids.one}`);
  assert.equal(await other.ok('run', '--rm', ids.one ?? ''), 'this is one');
});

test('Docker loads ours, and we load what docker save wrote: one image, several, one by its id', async () => {
  await host.ok('save', '-o', file('ours.tar'), 'team/one:v1', 'team/two:v1');
  await tools.docker('load', '-q', '-i', file('ours.tar'));
  for (const name of ['one', 'two']) {
    assert.equal(await tools.docker('image', 'inspect', '-f', '{{.Id}}', `team/${name}:v1`), ids[name]);
  }
  await tools.docker('tag', 'team/two:v1', 'renamed:by-docker');
  const saves = { several: ['team/one:v1', 'renamed:by-docker'], one: ['team/two:v1'], id: [ids.one ?? ''] };
  for (const [name, images] of Object.entries(saves)) {
    await tools.docker('save', '-o', file(`docker-${name}.tar`), ...images);
    const other = new PullHost();
    const said = (await other.ok('load', '-q', '-i', file(`docker-${name}.tar`))).split('\n').sort();
    const expected =
      name === 'id' ? [`Loaded image ID: ${ids.one}`] : images.map((one) => `Loaded image: ${one}`);
    assert.deepEqual(said, expected.sort());
    for (const image of images) {
      const what = image === 'team/two:v1' || image === 'renamed:by-docker' ? 'two' : 'one';
      assert.equal(await idOf(other, image), ids[what], 'the image has the same id with Docker and here');
      assert.equal(await other.ok('run', '--rm', '--pull', 'never', image), `this is ${what}`);
    }
  }
});

test('podman loads ours in both formats, and we load both of its own, several images in one too', async () => {
  for (const format of ['docker-archive', 'oci-archive']) {
    await host.ok('save', '--format', format, '-o', file('ours.tar'), 'team/one:v1');
    await tools.podman('load', '-q', '-i', file('ours.tar'));
    const id = await tools.podman('inspect', '--format', '{{.Id}}', 'team/one:v1');
    assert.equal(`sha256:${id}`, ids.one, format);
    await tools.podman('rmi', '-f', 'team/one:v1');
  }
  await host.ok('save', '-o', file('ours.tar'), 'team/one:v1', 'team/two:v1');
  await tools.podman('load', '-q', '-i', file('ours.tar'));
  const saves: Record<string, string[]> = {
    'docker-archive': ['--format', 'docker-archive', 'team/one:v1'],
    'oci-archive': ['--format', 'oci-archive', 'team/one:v1'],
    multi: ['--multi-image-archive', 'team/one:v1', 'team/two:v1'],
  };
  for (const [name, args] of Object.entries(saves)) {
    await tools.podman('save', '-q', '-o', file(`podman-${name}.tar`), ...args);
    const other = new PullHost();
    const said = await other.ok('load', '-q', '-i', file(`podman-${name}.tar`));
    assert.equal(said.split('\n').length, name === 'multi' ? 2 : 1, said);
    for (const line of said.split('\n')) {
      const loaded = line.replace(/^Loaded image(?: ID)?: /, '');
      const word = await other.ok('run', '--rm', '--pull', 'never', loaded);
      assert.match(word, /^this is (one|two)$/, name);
    }
  }
});

test('skopeo reads ours in both formats, and we load both of its own', async () => {
  for (const format of ['docker-archive', 'oci-archive']) {
    await host.ok('save', '--format', format, '-o', file('ours.tar'), 'team/one:v1');
    const config = JSON.parse(await tools.skopeo('inspect', '--config', `${format}:${file('ours.tar')}`));
    assert.deepEqual(config.config.Cmd, ['cat', '/what']);
    const to = `${format}:${file(`skopeo-${format}.tar`)}:registry.example.com/by/skopeo:v3`;
    await tools.skopeo('copy', '-q', `${format}:${file('ours.tar')}`, to);
    const other = new PullHost();
    const said = await other.ok('load', '-q', '-i', file(`skopeo-${format}.tar`));
    assert.equal(said, 'Loaded image: registry.example.com/by/skopeo:v3');
    assert.equal(await idOf(other, 'registry.example.com/by/skopeo:v3'), ids.one, format);
    assert.equal(await other.ok('run', '--rm', 'registry.example.com/by/skopeo:v3'), 'this is one');
  }
});

test('straight from the store: skopeo copies it to a registry, umoci lists and unpacks it', async () => {
  const layout = `oci:${host.root}/images`;
  const registry = await Registry.start();
  after(() => registry.stop());
  for (const name of ['busybox', 'team/one:v1']) {
    const there = `docker://${registry.host}/straight/${name}`;
    await tools.skopeo('copy', '-q', '--dest-tls-verify=false', `${layout}:${name}`, there);
    const other = new PullHost();
    const pulled = await other.ok('pull', '-q', `${registry.host}/straight/${name}`);
    assert.equal(await idOf(other, pulled), await idOf(host, name));
    assert.equal(await other.ok('run', '--rm', pulled, 'echo', 'runs'), 'runs');
  }
  // umoci takes no slash in a tag: image-spec's grammar of ref.name.
  await host.ok('tag', 'team/one:v1', 'flat:v1');
  const tags = (await tools.umoci('ls', '--layout', `${host.root}/images`)).split('\n');
  assert.ok(tags.includes('busybox') && tags.includes('flat:v1'), tags.join());
  await tools.umoci('unpack', '--image', `${host.root}/images:busybox`, file('bundle'));
  const { rootfs } = JSON.parse(await tools.skopeo('inspect', '--config', `${layout}:busybox`)) as {
    rootfs: { diff_ids: string[] };
  };
  const [layer = ''] = rootfs.diff_ids;
  // But for the root itself, which no layer has: umoci gives it the time of day.
  const entries = (path: string): string[] => treeOf(path).filter((line) => !line.startsWith('2e|'));
  assert.deepEqual(
    entries(file('bundle/rootfs')),
    entries(`${host.root}/layers/${layer.slice('sha256:'.length)}`),
  );
  assert.ok(JSON.parse(await tools.umoci('stat', '--json', '--image', `${host.root}/images:busybox`)));
  await host.ok('rmi', 'flat:v1');
});

test('save: what cannot be saved, and what cannot be written', async () => {
  const env = { MYDOCKER_ROOT: host.root };
  assert.match(
    await host.fails(1, 'save', '-o', file('none.tar'), 'team/one:v1', 'nosuch'),
    /no image.*nosuch/,
  );
  assert.match(await host.fails(1, 'save', '-o', '/nowhere/x.tar', 'team/one:v1'), /directory is not there/);
  assert.match(await host.fails(125, 'save', '--format', 'zip', 'team/one:v1'), /"zip" is not known/);
  const full = await command('sh', ['-c', `'${EXECUTABLE}' save team/one:v1 > /dev/full`], { env });
  assert.equal(full.code, 125, full.stderr);
  assert.match(full.stderr, /^mydocker: .*(no space|ENOSPC).*\n$/i);
  assert.ok(readdirSync(directory).every((name) => !/none\.tar|\.tmp-/.test(name)));
  const small = `mount -t tmpfs -o size=1m none ${directory} && '${EXECUTABLE}' save -o ${file('x.tar')} team/one:v1; c=$?; ls -A ${directory}; exit $c`;
  const result = await command('unshare', ['-m', 'sh', '-c', small], { env });
  assert.equal(result.code, 125);
  assert.match(result.stderr, /^mydocker: .*(no space|ENOSPC).*\n$/i);
  assert.equal(result.stdout, '', 'nothing half is left');
});
