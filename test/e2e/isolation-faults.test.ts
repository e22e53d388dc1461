/** A fault at every step that volumes, users, namespaces, devices and limits add: nothing is left, whatever failed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lanes, walkRun } from './walk.ts';

const NAME = ['--name', 'bird', '--hostname', 'nest'];

test('volumes and mounts: with a name, without one, of an image, read-only below, with other owners', async () => {
  await Promise.all(lanes.map(({ host }) => host.ok('volume', 'create', 'store')));
  await walkRun(['--rm'], ({ data }) => [
    ...NAME,
    ...['-v', 'store:/etc', '-v', '/mine', '--mount', 'type=volume,target=/other,volume-nocopy'],
    ...[
      '--mount',
      'type=image,source=busybox,target=/image',
      '-v',
      `${data}:/ids:idmap=uids=0-5-1;gids=0-5-1`,
    ],
    ...[
      '--mount',
      `type=bind,source=${data},target=/below,readonly,bind-recursive=writable`,
      '--shm-size',
      '1m',
    ],
  ]);
});

test('users of its own', () =>
  walkRun(['--rm'], ({ data }) => [
    ...NAME,
    ...[
      '--userns',
      'auto',
      '-v',
      `${data}:/data:idmap`,
      '--device',
      '/dev/full:/dev/more',
      '-m',
      '64m',
      '-u',
      '5',
    ],
  ]));

test('namespaces, devices, settings, and limits of every kind', () =>
  walkRun(['--rm'], () => [
    ...NAME,
    ...[
      '--ipc',
      'host',
      '--cgroupns',
      'host',
      '--device',
      '/dev/full:/dev/more',
      '--device-cgroup-rule',
      'c 10:200 rw',
    ],
    ...[
      '--sysctl',
      'net.ipv4.ip_forward=1',
      '--ulimit',
      'nofile=500',
      '--oom-score-adj',
      '300',
      '--group-add',
      '7',
    ],
    ...[
      '-m',
      '64m',
      '--memory-swap',
      '96m',
      '--memory-reservation',
      '32m',
      '--cpu-shares',
      '512',
      '--cpu-period',
      '50000',
    ],
    ...['--cpu-quota', '20000', '--cpuset-cpus', '0', '--cpuset-mems', '0', '--pids-limit', '50'],
    ...[
      '--security-opt',
      'no-new-privileges',
      '--cap-add',
      'NET_ADMIN',
      '--cap-drop',
      'CHOWN',
      '--domainname',
      'some.where',
    ],
  ]));

test('namespaces of another container, which goes on', async () => {
  await Promise.all(
    lanes.map(({ host }) => host.ok('run', '-d', '--name', 'first', 'busybox', 'sleep', '1000')),
  );
  await walkRun(['--rm'], () => [
    ...['--name', 'bird'],
    ...['pid', 'ipc', 'uts', 'cgroupns'].flatMap((ns) => [`--${ns}`, 'container:first']),
  ]);
  for (const { host } of lanes) {
    assert.equal(await host.ok('exec', 'first', 'echo', 'still'), 'still');
    await host.ok('rm', '-f', 'first');
  }
});
