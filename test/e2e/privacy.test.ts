/** CVE-2021-41091: what containers wrote, setuid bits and all, is out of reach for other users of the host. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { command, EXECUTABLE, Host } from './harness.ts';

const host = new Host();
const asNobody = (...words: string[]) =>
  command('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...words], {
    env: { MYDOCKER_ROOT: host.root },
  });

test('a setuid file of a container cannot be reached by another user, in an old open root neither', async () => {
  const setuid = 'cp /bin/busybox /su && chmod 4755 /su && chmod 755 /';
  for (const name of ['containers', 'layers', 'names', 'bin', 'run'])
    mkdirSync(`${host.root}/${name}`, { mode: 0o711 });
  chmodSync(host.root, 0o755);
  const id = await host.ok('create', 'busybox', 'sh', '-c', setuid);
  assert.equal((await host.run(['start', '-a', id])).code, 0);
  const file = `${host.root}/containers/${id}/upper/su`;
  assert.equal(statSync(file).mode & 0o7777, 0o4755);
  assert.notEqual((await asNobody(file, 'true')).code, 0);
  for (const name of ['containers', 'layers', 'images', 'names', 'bin', 'run']) {
    assert.equal(statSync(`${host.root}/${name}`).mode & 0o777, 0o700, name);
    assert.notEqual((await asNobody('ls', `${host.root}/${name}`)).code, 0, name);
  }
  await host.ok('rm', id);
});

test('a root directory made by the program is for root alone; explain and a program of another user still work', async () => {
  const root = `${host.root}/fresh`;
  const env = { MYDOCKER_ROOT: root };
  const run = (...args: string[]) => host.run(args, { env });
  assert.equal(
    (await run('run', '--rm', '-u', '65534', '-w', '/tmp', 'busybox', 'sh', '-c', 'id -u; touch x')).stdout,
    '65534\n',
  );
  assert.equal(statSync(root).mode & 0o777, 0o700);
  // The executable may lie where only root can go.
  const copy = `/var/tmp/mydocker-privacy-${process.pid}`;
  await command('cp', [EXECUTABLE, copy]);
  const explained = await command(
    'setpriv',
    ['--reuid=65534', '--regid=65534', '--clear-groups', copy, 'explain', 'run', 'top'],
    { env },
  );
  await command('rm', ['-rf', copy, root]);
  assert.equal(explained.code, 0, explained.stderr);
  assert.match(explained.stdout, /execve/);
  assert.equal(existsSync(root), false);
});
