/** images, import, rmi, inspect, version, info. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const names = async () =>
  (await host.ok('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').sort();
const layers = () => readdirSync(`${host.root}/layers`).filter((name) => /^[0-9a-f]{64}$/.test(name));
const blobs = () => readdirSync(`${host.root}/images/blobs/sha256`).sort();

before(async () => {
  mkdirSync(`${directory}/rootfs`);
  const script =
    'cp -a /bin /etc /out/rootfs/ && cd /out/rootfs && tar -cf ../root.tar . && tar -czf ../root.tar.gz bin etc';
  await host.ok('run', '--rm', '-v', `${directory}:/out`, 'busybox', 'sh', '-c', script);
});

test('images lists the default image; -q, --no-trunc, --digests, --format, a name', async () => {
  const [head = '', row = '', ...others] = (await host.ok('images')).split('\n');
  assert.match(head, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
  assert.match(row, /^busybox +latest +[0-9a-f]{12} +.+ago +[\d.]+[kM]B$/);
  assert.deepEqual(others, []);
  const whole = await host.ok('images', '-q', '--no-trunc');
  assert.match(whole, /^sha256:[0-9a-f]{64}$/);
  assert.equal(await host.ok('images', '-q'), whole.slice(7, 19));
  assert.match(await host.ok('images', '--digests'), /DIGEST.*\n.*sha256:[0-9a-f]{64}/);
  assert.equal(JSON.parse(await host.ok('images', '--format', 'json')).Repository, 'busybox');
  assert.equal(await host.ok('images', '-q', 'other'), '');
  assert.equal(await host.ok('image', 'ls', '-q'), whole.slice(7, 19));
});

test('import of a tar file, a compressed one, a directory and standard input: each runs', async () => {
  const sources = {
    tar: `${directory}/root.tar`,
    gz: `${directory}/root.tar.gz`,
    dir: `${directory}/rootfs`,
  };
  for (const [name, source] of Object.entries(sources)) {
    assert.match(await host.ok('import', source, `imported:${name}`), /^sha256:[0-9a-f]{64}$/);
  }
  const line = `"${EXECUTABLE}" import - imported:stdin < ${directory}/root.tar.gz`;
  const { code, stderr } = await command('sh', ['-c', line], { env: { MYDOCKER_ROOT: host.root } });
  assert.equal(code, 0, stderr);
  for (const tag of ['tar', 'gz', 'dir', 'stdin']) {
    const out = await host.ok(
      'run',
      '--rm',
      `imported:${tag}`,
      'sh',
      '-c',
      'readlink /bin/ls; stat -c %a /etc/passwd',
    );
    assert.equal(out, '/bin/busybox\n644', tag);
  }
});

test('import -c and -m set the config and the history; without a name it has only its id', async () => {
  const changes = [
    'CMD ["echo", "a b"]',
    'ENV COLOUR=blue SIZE="very big"',
    'WORKDIR /etc',
    'USER 1000:1000',
    'LABEL maker=me',
    'EXPOSE 80',
    'STOPSIGNAL SIGQUIT',
  ];
  const id = await host.ok(
    'import',
    '-m',
    'by hand',
    ...changes.flatMap((text) => ['-c', text]),
    `${directory}/root.tar`,
  );
  const [image] = JSON.parse(await host.ok('inspect', '--type', 'image', id));
  assert.equal(image.Id, id);
  assert.deepEqual(image.RepoTags, []);
  assert.deepEqual(image.Config.Cmd, ['echo', 'a b']);
  assert.ok(image.Config.Env.includes('SIZE=very big'));
  assert.deepEqual(image.Config.ExposedPorts, { '80/tcp': {} });
  assert.equal(image.Comment, 'by hand');
  assert.equal(await host.ok('run', '--rm', id.slice(7, 19)), 'a b');
  assert.equal(
    await host.ok('run', '--rm', id, 'sh', '-c', 'echo $COLOUR $SIZE; pwd; id -u'),
    'blue very big\n/etc\n1000',
  );
  const made = await host.ok('create', id);
  assert.match(await host.ok('inspect', '-f', '{{.Config.StopSignal}}', made), /QUIT/);
  await host.ok('rm', made);
  await host.ok('rmi', id);
});

test('import of what is no archive: one line, and the store is as before', async () => {
  writeFileSync(`${directory}/text`, 'this is no archive\n'.repeat(100));
  const before = [blobs(), layers(), await names()];
  assert.match(await host.fails(125, 'import', `${directory}/text`, 'broken'), /text/);
  assert.match(await host.fails(1, 'import', `${directory}/missing.tar`, 'broken'), /missing\.tar/);
  const cut = readFileSync(`${directory}/root.tar`);
  writeFileSync(`${directory}/cut.tar`, cut.subarray(0, cut.length / 2));
  assert.match(await host.fails(125, 'import', `${directory}/cut.tar`, 'broken'), /cut\.tar/);
  assert.match(await host.fails(125, 'import', '-c', 'FLY now', `${directory}/root.tar`, 'broken'), /FLY/);
  assert.match(await host.fails(125, 'import', `${directory}/root.tar`, 'Bad Name'), /Bad Name/);
  assert.deepEqual([blobs(), layers(), await names()], before);
});

test('an archive that climbs out of its root is refused, and writes nothing outside', async () => {
  const line = `cd ${directory} && mkdir -p in && echo x > evil && tar -cPf evil.tar -C in ../evil && rm evil`;
  assert.equal((await command('sh', ['-c', line])).code, 0);
  const before = readdirSync(`${host.root}/layers`).sort();
  assert.match(await host.fails(125, 'import', `${directory}/evil.tar`, 'evil'), /\.\./);
  assert.deepEqual(readdirSync(`${host.root}/layers`).sort(), before);
});

test('an import over a name moves the name; the old image keeps only its id', async () => {
  const old = await host.ok('import', '-c', 'ENV V=1', `${directory}/root.tar`, 'moving');
  const young = await host.ok('import', '-c', 'ENV V=2', `${directory}/root.tar`, 'moving');
  assert.equal(await host.ok('run', '--rm', 'moving', 'sh', '-c', 'echo $V'), '2');
  assert.deepEqual(JSON.parse(await host.ok('inspect', old))[0].RepoTags, []);
  await host.ok('rmi', old, young);
});

test('rmi refuses an image in use; removes it and its layers when no image needs them', async () => {
  const made = await host.ok('create', '--name', 'user', 'imported:gz', 'true');
  assert.match(await host.fails(1, 'rmi', 'imported:gz'), /user|container/);
  assert.ok((await names()).includes('imported:gz'));
  await host.ok('rm', made);
  const count = layers().length;
  assert.match(await host.ok('rmi', 'imported:gz'), /^Untagged: imported:gz\n?/);
  assert.ok(!(await names()).includes('imported:gz'));
  for (const tag of ['tar', 'dir', 'stdin']) await host.ok('rmi', `imported:${tag}`);
  assert.ok(layers().length < count, 'unpacked layers are gone');
  assert.equal(layers().length, 1, 'only that of the default image is left');
  assert.deepEqual(await names(), ['busybox:latest']);
  assert.match(await host.fails(1, 'rmi', 'nosuch'), /nosuch/);
});

test('rmi of one of many goes on after a failure', async () => {
  await host.ok('import', `${directory}/root.tar`, 'one');
  const result = await host.run(['rmi', 'nosuch', 'one']);
  assert.equal(result.code, 1);
  assert.deepEqual(await names(), ['busybox:latest']);
});

test('inspect shows containers and images in Docker’s shape; unknown: exit 1', async () => {
  const id = await host.ok(
    'run',
    '-d',
    '--name',
    'shown',
    '-e',
    'A=b',
    '-v',
    `${directory}:/v:ro`,
    '-m',
    '64m',
    'busybox',
    'sleep',
    '1000',
  );
  const list = JSON.parse(await host.ok('inspect', 'shown', 'busybox'));
  const [container, image] = list;
  assert.equal(container.Id, id);
  assert.equal(container.Name, '/shown');
  assert.deepEqual(
    [container.State.Status, container.State.Running, container.Path, container.Args],
    ['running', true, 'sleep', ['1000']],
  );
  assert.equal(container.HostConfig.Memory, 67_108_864);
  assert.deepEqual(
    [container.Mounts[0].Source, container.Mounts[0].Destination, container.Mounts[0].RW],
    [directory, '/v', false],
  );
  assert.ok(container.Config.Env.includes('A=b'));
  assert.deepEqual(image.RepoTags, ['busybox:latest']);
  assert.deepEqual(image.Config.Cmd, ['sh']);
  assert.equal(image.Os, 'linux');
  assert.equal(container.Image, image.Id);
  assert.equal(await host.ok('inspect', '-f', '{{.State.Pid}}', 'shown'), String(container.State.Pid));
  assert.equal(await host.ok('inspect', '-f', '{{json .Config.Cmd}}', 'busybox'), '["sh"]');
  const half = await host.run(['inspect', 'shown', 'nosuch']);
  assert.equal(half.code, 1);
  assert.equal(JSON.parse(half.stdout).length, 1);
  assert.match(half.stderr, /nosuch/);
  await host.ok('rm', '-f', 'shown');
});

test('MYDOCKER_DEFAULT_IMAGE names another default image', async () => {
  await host.ok('import', '-c', 'ENV OTHER=yes', `${directory}/root.tar`, 'mine');
  const result = await host.run(['run', '--rm', 'env'], { env: { MYDOCKER_DEFAULT_IMAGE: 'mine' } });
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /^OTHER=yes$/m);
  assert.match(result.stderr, /default image mine/);
  await host.ok('rmi', 'mine');
});

test('version and info: text, json and templates', async () => {
  assert.match(await host.ok('version'), /^Version: \d+\.\d+\.\d+$/im);
  assert.match(await host.ok('version', '--format', '{{.Version}}'), /^\d+\.\d+\.\d+$/);
  const info = JSON.parse(await host.ok('info', '--format', 'json'));
  assert.equal(typeof info, 'object');
  assert.match(await host.ok('info'), new RegExp(host.root));
});
