/** Namespaces of the host and of other containers. */
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { Host, until } from './harness.ts';
import { refused, refusedRun } from './refused.ts';

const host = new Host();
const run = (flags: readonly string[], ...words: string[]) =>
  host.ok('run', '--rm', ...flags, 'busybox', ...words);
const shell = (script: string, ...flags: string[]) => run(flags, 'sh', '-c', script);
const own = (type: string): string => readlinkSync(`/proc/self/ns/${type}`);
const inside = (type: string, ...flags: string[]) => run(flags, 'readlink', `/proc/self/ns/${type}`);

test('host: the namespace is the caller’s; private and nothing: its own', async () => {
  const flags = { pid: '--pid', ipc: '--ipc', uts: '--uts', cgroup: '--cgroupns' };
  for (const [type, flag] of Object.entries(flags)) {
    assert.equal(await inside(type, flag, 'host'), own(type), `${flag} host`);
    for (const mine of [[], [flag, 'private']]) assert.notEqual(await inside(type, ...mine), own(type), flag);
  }
  assert.notEqual(await inside('ipc', '--ipc', 'shareable'), own('ipc'));
  assert.equal(
    await run(['--uts', 'host'], 'hostname'),
    readFileSync('/proc/sys/kernel/hostname', 'utf8').trim(),
  );
  assert.match(await shell('ls /proc', '--pid', 'host'), new RegExp(`^${process.pid}$`, 'm'));
  assert.match(await run(['--cgroupns', 'host'], 'cat', '/proc/self/cgroup'), /:\/mydocker\/[0-9a-f]{64}$/m);
  assert.doesNotMatch(await run([], 'cat', '/proc/self/cgroup'), /mydocker/);
  // With the host's processes in sight its own are still those that stop and rm end, and no others.
  await host.ok(
    'run',
    '-d',
    '--name',
    'among',
    '--pid',
    'host',
    'busybox',
    'sh',
    '-c',
    'sleep 1234567 & wait',
  );
  const sleeper = () => host.ok('exec', 'among', 'sh', '-c', 'ps -o args | grep -c "^sleep 1234567"');
  await until('both run', async () => (await sleeper()) === '1');
  await host.ok('rm', '-f', 'among');
  assert.equal(
    await shell('ps -o args | grep -c "^sleep 1234567" || true', '--pid', 'host'),
    '0',
    'the child went too',
  );
});

test('container:X: processes, messages and shared memory, host name and cgroups of another', async () => {
  await host.ok('run', '-d', '--name', 'first', '--hostname', 'firstbox', 'busybox', 'sleep', '1000');
  const theirs = (type: string) => host.ok('exec', 'first', 'readlink', `/proc/self/ns/${type}`);
  for (const [type, flag] of Object.entries({
    pid: '--pid',
    ipc: '--ipc',
    uts: '--uts',
    cgroup: '--cgroupns',
  }))
    assert.equal(await inside(type, flag, 'container:first'), await theirs(type), flag);
  assert.equal(await run(['--uts', 'container:first'], 'hostname'), 'firstbox');
  await host.ok('exec', 'first', 'sh', '-c', 'echo shared >/dev/shm/f');
  assert.equal(await shell('cat /dev/shm/f; echo back >/dev/shm/g', '--ipc', 'container:first'), 'shared');
  assert.equal(await host.ok('exec', 'first', 'cat', '/dev/shm/g'), 'back');
  // A process of the second sees and can end one of the first; exec of the second lands in both.
  await host.ok('run', '-d', '--name', 'second', '--pid', 'container:first', 'busybox', 'sleep', '2000');
  const list = await host.ok('exec', 'second', 'ps', '-o', 'args');
  assert.ok(/sleep 1000/.test(list) && /sleep 2000/.test(list), list);
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'first');
  assert.equal(await host.ok('inspect', '-f', '{{.HostConfig.PidMode}}', 'second'), `container:${id}`);
  assert.match(await host.fails(1, 'rm', 'first'), /running/);
  // Process 1 of the namespace ends: the kernel kills the others with it, and they are shown as ended.
  await host.ok('rm', '-f', 'first');
  await until(
    'the second has ended',
    async () => (await host.ok('inspect', '-f', '{{.State.Running}}', 'second')) === 'false',
  );
  assert.match(
    await host.fails(1, 'start', 'second'),
    /cannot start second: the container .* whose namespace it shares, is no more; make second anew/,
  );
  await host.ok('rm', 'second');
});

test('container:X of one that does not run, or is not there, is refused; once it runs again, it works', async () => {
  await host.ok('create', '--name', 'idle', 'busybox', 'sleep', '1000');
  await refused(
    host,
    1,
    ['run', '--rm', '--ipc', 'container:idle', 'busybox', 'true'],
    /whose namespace it shares, does not run; start it first: mydocker start idle/,
  );
  for (const flag of ['--pid', '--ipc', '--uts', '--cgroupns'])
    await refused(
      host,
      1,
      ['run', '--rm', flag, 'container:nosuch', 'busybox', 'true'],
      /no such container: nosuch/,
    );
  await host.ok('start', 'idle');
  assert.equal(await run(['--ipc', 'container:idle'], 'echo', 'fine'), 'fine');
  await host.ok('rm', '-f', 'idle');
  for (const flag of ['--pid', '--ipc', '--uts', '--cgroupns'])
    for (const word of ['other', 'container:', 'container:a/b', 'ns:/proc/1/ns/pid'])
      await refusedRun(host, [flag, word], new RegExp(`${flag} "${word}" is no namespace`));
  await refusedRun(
    host,
    ['--uts', 'host', '--hostname', 'me'],
    /--hostname: the uts namespace is not its own/,
  );
  await refusedRun(host, ['--uts', 'host', '--domainname', 'me'], /the uts namespace is not its own/);
});
