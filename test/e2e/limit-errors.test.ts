/** Every wrong value of every limit flag: one line, and nothing changed. */
import { test } from 'node:test';
import { Host } from './harness.ts';
import { refused, refusedRun } from './refused.ts';

const host = new Host();

test('every wrong value: malformed, negative, too small, too large, contradictory', async () => {
  await host.ok('run', '--rm', 'busybox', 'true');
  const bad: ReadonlyArray<readonly [flags: string, line: RegExp]> = [
    ['-m 100k', /-m "100k" is too little: no program starts with less than 512k; give at least 512k/],
    ['-m -1m', /is no size/],
    ['-m 99999999999g', /is no size/],
    ['-m 1e9', /is no size/],
    ['--memory-swap 100m', /there is no -m; give -m too/],
    ['-m 64m --memory-swap 32m', /are less than -m, 67108864 bytes/],
    ['-m 64m --memory-swap -2', /"-2" is no size/],
    ['-m 64m --memory-swap lots', /"lots" is no size/],
    ['--memory-reservation 1k', /"1k" is too little/],
    ['-m 64m --memory-reservation 65m', /it is more than the limit of -m/],
    ['--memory-swappiness 101', /between 0 and 100/],
    ['--memory-swappiness -2', /between 0 and 100/],
    ['--memory-swappiness x', /between 0 and 100/],
    ['--kernel-memory x', /"x" is no size/],
    ['--cpu-shares 1', /between 2 and 262144/],
    ['--cpu-shares 262145', /between 2 and 262144/],
    ['--cpu-shares -5', /between 2 and 262144/],
    ['--cpu-period 999', /between 1000 and 1000000/],
    ['--cpu-period 1000001', /between 1000 and 1000000/],
    ['--cpu-period ms', /between 1000 and 1000000/],
    ['--cpu-quota 999', /between 1000 and/],
    ['--cpu-quota -2', /between 1000 and/],
    ['--cpu-quota 9007199254740991', /the kernel does not take this value/],
    ['--cpus 0.001', /between 0\.01 and/],
    ['--cpus 9999', /between 0\.01 and/],
    ['--cpus -1', /between 0\.01 and/],
    ['--cpus 1 --cpu-quota 50000', /--cpus and --cpu-quota set the same limit/],
    ['--cpus 1 --cpu-period 50000', /--cpus and --cpu-period set the same limit/],
    ['-cpu 50 --cpu-quota 50000', /-cpu and --cpu-quota set the same limit/],
    ['--cpuset-cpus 0-', /is no list of cores/],
    ['--cpuset-cpus -1', /is no list of cores/],
    ['--cpuset-mems 99', /this host has no memory node 99/],
    ['--cpuset-mems x', /is no list of memory nodes/],
    ['--pids-limit -2', /is no number of processes/],
    ['--pids-limit 5000000', /is no number of processes/],
    ['--blkio-weight 9', /between 10 and 1000/],
    ['--blkio-weight 1001', /between 10 and 1000/],
    ['--blkio-weight x', /between 10 and 1000/],
    ['--blkio-weight-device /dev/null:5', /between 10 and 1000/],
    ['--blkio-weight-device sda:100', /is no device with a rate/],
    ['--device-read-bps /dev/null:1m', /\/dev\/null is no block device/],
    ['--device-read-bps /dev/nosuch:1m', /this host has no device \/dev\/nosuch/],
    ['--device-write-bps /etc/passwd:1m', /is no block device/],
    ['--device-write-bps 1m', /is no device with a rate/],
    ['--device-read-bps /dev/null', /is no device with a rate|"" is no size/],
    ['--device-read-iops /dev/null:0', /between 1 and 4294967295/],
    ['--device-write-iops /dev/null:-1', /between 1 and 4294967295/],
    ['--device-write-iops /dev/null:4294967296', /between 1 and 4294967295/],
  ];
  for (const [flags, line] of bad) await refusedRun(host, flags.split(' '), line);
  // The same of a library call, where no command line looked first.
  await refused(host, 125, ['create', '-m', '511k', 'busybox', 'true'], /at least 512k/);
});
