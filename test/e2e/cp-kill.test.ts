/** Several `cp` at once, and a killed one. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { EXECUTABLE, Host, until } from './harness.ts';

const host = new Host();
const directory = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(directory, { recursive: true }));
const here = (name: string): string => `${directory}/${name}`;

before(async () => {
  writeFileSync(here('big'), Buffer.alloc(3_000_000, 'x'));
  await host.ok('run', '-d', '--name', 'running', 'busybox', 'sleep', '3600');
});

test('cp of one container at once, and a start meanwhile: all of them are done, one after the other', async () => {
  await host.ok('create', '--name', 'wanted', 'busybox', 'sh', '-c', 'ls /in | wc -l; sleep 0.2');
  mkdirSync(here('in'));
  await host.ok('cp', here('in'), 'wanted:/in');
  const copies = [1, 2, 3, 4].map((n) => host.ok('cp', '-q', here('big'), `wanted:/in/${n}`));
  const start = host.ok('start', 'wanted');
  await Promise.all([...copies, start]);
  await host.ok('wait', 'wanted');
  await host.ok('cp', '-q', 'wanted:/in', here('all-in'));
  assert.deepEqual(readdirSync(here('all-in')), ['1', '2', '3', '4']);
});

test('cp that is killed -9: no half file, nothing of it stays, and the container starts', async () => {
  for (const name of ['running', 'doomed']) {
    if (name === 'doomed') await host.ok('create', '--name', name, 'busybox', 'sleep', '3600');
    const child = spawn(EXECUTABLE, ['cp', '-', `${name}:/`], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: { PATH: process.env.PATH, MYDOCKER_ROOT: host.root },
    });
    // A file of 8 MB of which one comes.
    const tar = execFileSync('sh', ['-c', 'head -c 8000000 /dev/zero > half && tar -c half'], {
      cwd: directory,
      maxBuffer: 1 << 26,
    });
    child.stdin?.write(tar.subarray(0, 1_000_000));
    const id = await host.ok('inspect', '-f', '{{.Id}}', name);
    const upper = `${host.root}/containers/${id}/upper`;
    await until('it is writing', () => readdirSync(upper).some((entry) => entry.startsWith('.mydocker-')));
    child.kill('SIGKILL');
    await until('the rest is gone', () =>
      readdirSync(upper).every((entry) => !entry.startsWith('.mydocker-')),
    );
    assert.ok(!existsSync(`${upper}/half`));
    if (name === 'doomed') await host.ok('start', name);
    assert.equal(await host.ok('exec', name, 'echo', 'alive'), 'alive');
  }
});
