/** Mishaps of use: an empty variable, a damaged file, Docker's idioms in scripts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { after, test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';
import { NetHost } from './network-host.ts';
import { Registry } from './registry.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const registry = await Registry.start();
after(() => registry.stop());

test('an empty word is the name of no image: the images without a name stay', async () => {
  await host.ok('create', '--name', 'maker', 'busybox', 'true');
  const id = await host.ok('commit', 'maker');
  const before = await host.ok('images', '-q', '--no-trunc');
  assert.ok(before.includes(id));
  assert.match(await host.fails(1, 'rmi', ''), /no image ""/);
  assert.equal((await host.run(['rmi', '-f', ''])).stdout, '');
  await host.fails(1, 'inspect', '');
  for (const words of [
    ['history', ''],
    ['tag', '', 'some'],
    ['save', '-o', `${directory}/none.tar`, ''],
  ])
    assert.match((await host.run(words)).stderr, /no image ""/, words.join(' '));
  assert.match(await host.fails(125, 'commit', 'maker', ''), /the name of the new image is empty/);
  assert.equal(await host.ok('images', '-q', '--no-trunc'), before);
  await host.ok('rm', 'maker');
});

test('an image with a layer that is cut off or missing is neither saved nor pushed', async () => {
  const files = `${directory}/rootfs`;
  execFileSync('sh', ['-c', `mkdir ${files} && head -c 500000 /dev/urandom > ${files}/data`]);
  await host.ok('import', files, 'cut');
  const blobs = `${host.root}/images/blobs/sha256`;
  const [digest = ''] = execFileSync('find', [blobs, '-size', '+400k', '-printf', '%f\n'])
    .toString()
    .split('\n');
  const [archive, name] = [`${directory}/cut.tar`, `${registry.host}/cut:1`];
  await host.ok('tag', 'cut', name);
  truncateSync(`${blobs}/${digest}`, 1000);
  const cut = new RegExp(`${digest}: the blob has 1000 bytes instead of \\d+`);
  for (const words of [
    ['save', '-o', archive, 'cut'],
    ['save', '--format', 'oci-archive', '-o', archive, 'cut'],
  ])
    assert.match(await host.fails(125, ...words), cut);
  assert.match(await host.fails(125, 'push', '-q', name), cut);
  rmSync(`${blobs}/${digest}`);
  const missing = new RegExp(`the image store lacks the blob sha256:${digest}`);
  assert.match(await host.fails(125, 'save', '-o', archive, 'cut'), missing);
  assert.match(await host.fails(125, 'push', '-q', name), missing);
  assert.deepEqual(readdirSync(directory), ['rootfs']);
  await host.ok('rmi', '-f', 'cut', name);
});

test('a container whose record is gone can be removed, and its name is free', async () => {
  const id = await host.ok('create', '--name', 'lost', 'busybox', 'true');
  rmSync(`${host.root}/containers/${id}/container.json`);
  assert.equal(await host.ok('rm', '-f', 'lost'), 'lost');
  assert.deepEqual(readdirSync(`${host.root}/containers`), []);
  await host.ok('create', '--name', 'lost', 'busybox', 'true');
  await host.ok('rm', 'lost');
});

test('a stop signal that there is not is refused where it is written down', async () => {
  await host.ok('create', '--name', 'deaf', 'busybox', 'true');
  assert.match(await host.fails(125, 'commit', '-c', 'STOPSIGNAL FOO', 'deaf', 'deaf'), /"FOO" is no signal/);
  for (const signal of ['SIGRTMIN+3', 'quit', '15'])
    await host.ok('commit', '-c', `STOPSIGNAL ${signal}`, 'deaf', `deaf:${signal.replace('+', '-')}`);
  await host.ok('rm', 'deaf');
});

test('explain by somebody else than root works where root has used networks', async () => {
  const net = new NetHost();
  await net.ok('run', '--rm', 'busybox', 'true');
  chmodSync(directory, 0o755);
  const copy = `${directory}/mydocker`;
  copyFileSync(EXECUTABLE, copy);
  chmodSync(copy, 0o755);
  const words = ['--reuid', '65534', '--regid', '65534', '--clear-groups', copy, 'explain', 'run', 'busybox'];
  const { code, stdout, stderr } = await command(
    'nsenter',
    [`--net=${net.namespace}`, 'setpriv', ...words, 'true'],
    {
      env: { MYDOCKER_ROOT: net.root, MYDOCKER_DEFAULT_NETWORK: 'bridge' },
    },
  );
  assert.equal(code, 0, stderr);
  assert.match(stdout, /RTM_NEWADDR/);
});

test('idioms of scripts: every network inspected, exactly one name, the usual table, the help of a group', async () => {
  await host.ok('network', 'create', 'front');
  const ids = (await host.ok('network', 'ls', '-q')).split('\n');
  const names = await host.ok('network', 'inspect', '-f', '{{.Name}}', ...ids);
  assert.deepEqual(
    names.split('\n').sort(),
    ['bridge', 'front', 'host', 'none'].filter((name) => names.includes(name)),
  );
  for (const name of ['web', 'web2'])
    await host.ok(
      'create',
      '--name',
      name,
      '--network',
      'front',
      '-p',
      '8080:80',
      '-p',
      '81/udp',
      'busybox',
      'true',
    );
  const found = (filter: string) => host.ok('ps', '-a', '--filter', filter, '--format', '{{.Names}}');
  assert.equal(await found('name=^web$'), 'web');
  assert.equal(await found('name=^/web$'), 'web');
  assert.equal(await found('network=front'), 'web2\nweb');
  assert.equal(await host.ok('network', 'ls', '-q', '--filter', 'name=^fron$'), '');
  assert.equal(await host.ok('ps', '--format', 'table'), await host.ok('ps'));
  assert.deepEqual(JSON.parse(await host.ok('inspect', '-f', '{{json .HostConfig.PortBindings}}', 'web')), {
    '80/tcp': [{ HostIp: '', HostPort: '8080' }],
    '81/udp': [{ HostIp: '', HostPort: '' }],
  });
  assert.deepEqual(JSON.parse(await host.ok('inspect', '-f', '{{json .Config.ExposedPorts}}', 'web')), {
    '80/tcp': {},
    '81/udp': {},
  });
  await host.ok('rm', 'web', 'web2');
  await host.ok('network', 'rm', 'front');
  const help = await host.ok('network', '--help');
  assert.match(help, /^Usage: mydocker network COMMAND[\s\S]*\n {2}create +Make a network\n/);
  assert.equal(await host.ok('help', 'network'), help);
  assert.equal(await host.ok('network', 'help', 'create'), await host.ok('network', 'create', '--help'));
});
