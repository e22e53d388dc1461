/** Every limit flag: its value in the kernel's own file, its effect, and each wrong value. What this host lacks is refused by name. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { after, test } from 'node:test';
import { cgroupFile } from './cgroup.ts';
import { Host } from './harness.ts';
import { refusedRun } from './refused.ts';

const host = new Host();
const files = mkdtempSync('/var/tmp/mydocker-files-');
after(() => rmSync(files, { recursive: true }));
const ROOT = '/sys/fs/cgroup';
const isV2 = existsSync(`${ROOT}/cgroup.controllers`);

async function withLimits<T>(flags: readonly string[], look: (id: string) => T): Promise<T> {
  const id = await host.ok('run', '-d', ...flags, 'busybox', 'sleep', '1000');
  try {
    return look(id);
  } finally {
    await host.ok('rm', '-f', id);
  }
}

const MB = 1048576;

test('memory: limit, swap, reservation, swappiness, no OOM killer', async () => {
  const both = (id: string) => [
    cgroupFile(id, 'memory', 'memory.limit_in_bytes', 'memory.max'),
    cgroupFile(id, 'memory', 'memory.memsw.limit_in_bytes', 'memory.swap.max'),
  ];
  const swap = (total: number, limit: number): string => String(isV2 ? total - limit : total);
  const none = isV2 ? 'max' : '9223372036854771712';
  assert.deepEqual(await withLimits(['-m', '64m'], both), [String(64 * MB), swap(128 * MB, 64 * MB)]);
  assert.deepEqual(await withLimits(['-m', '64m', '--memory-swap', '96m'], both), [
    String(64 * MB),
    swap(96 * MB, 64 * MB),
  ]);
  assert.deepEqual(await withLimits(['-m', '64m', '--memory-swap', '64m'], both), [
    String(64 * MB),
    swap(64 * MB, 64 * MB),
  ]);
  assert.deepEqual(await withLimits(['-m', '64m', '--memory-swap', '-1'], both), [String(64 * MB), none]);
  assert.deepEqual(await withLimits(['-m', '64m', '--memory-swap', '0'], both), [
    String(64 * MB),
    swap(128 * MB, 64 * MB),
  ]);
  const soft = (id: string) => cgroupFile(id, 'memory', 'memory.soft_limit_in_bytes', 'memory.low');
  assert.equal(await withLimits(['-m', '64m', '--memory-reservation', '32m'], soft), String(32 * MB));
  assert.equal(await withLimits(['--memory-reservation', '1g'], soft), String(1024 * MB));
  if (isV2) {
    await refusedRun(
      host,
      ['--memory-swappiness', '10'],
      /cannot set --memory-swappiness: cgroup v2 has no such setting/,
    );
    await refusedRun(
      host,
      ['-m', '64m', '--oom-kill-disable'],
      /cannot set --oom-kill-disable: cgroup v2 has no such setting/,
    );
  } else {
    assert.equal(
      await withLimits(['--memory-swappiness', '10'], (id) =>
        cgroupFile(id, 'memory', 'memory.swappiness', ''),
      ),
      '10',
    );
    assert.match(
      await withLimits(['-m', '64m', '--oom-kill-disable'], (id) =>
        cgroupFile(id, 'memory', 'memory.oom_control', ''),
      ),
      /oom_kill_disable 1/,
    );
    const warned = await host.run(['run', '--rm', '--oom-kill-disable', 'busybox', 'true']);
    assert.deepEqual([warned.code, /dangerous/.test(warned.stderr)], [0, true]);
  }
});

test('a program above its limit is killed and that is told; one that may swap nothing too; the others live', async () => {
  await host.ok('run', '-d', '--name', 'bystander', 'busybox', 'sleep', '1000');
  const hog = await host.run([
    'run',
    '--name',
    'hog',
    '-m',
    '16m',
    '--memory-swap',
    '16m',
    'busybox',
    'sh',
    '-c',
    'tail /dev/zero',
  ]);
  assert.equal(hog.code, 137, hog.stderr);
  assert.equal(await host.ok('inspect', '-f', '{{.State.OOMKilled}}', 'hog'), 'true');
  assert.equal(await host.ok('inspect', '-f', '{{.State.Running}}', 'bystander'), 'true');
  await host.ok('rm', '-f', 'hog', 'bystander');
});

test('the smallest limit taken: a program starts; with 1 MB a shell works with a pipe and a file', async () => {
  assert.equal(await host.ok('run', '--rm', '-m', '512k', 'busybox', 'echo', 'ok'), 'ok');
  const script = 'echo ok | cat >/f; cat /f';
  assert.equal(await host.ok('run', '--rm', '-m', '1m', 'busybox', 'sh', '-c', script), 'ok');
});

test('processor: shares, period and quota, cpus, cores and memory nodes', async () => {
  const shares = await withLimits(['--cpu-shares', '512'], (id) =>
    cgroupFile(id, 'cpu', 'cpu.shares', 'cpu.weight'),
  );
  assert.equal(shares, isV2 ? '20' : '512');
  const max = (id: string) =>
    isV2
      ? cgroupFile(id, 'cpu', '', 'cpu.max')
      : `${cgroupFile(id, 'cpu', 'cpu.cfs_quota_us', '')} ${cgroupFile(id, 'cpu', 'cpu.cfs_period_us', '')}`;
  assert.equal(await withLimits(['--cpu-period', '50000', '--cpu-quota', '20000'], max), '20000 50000');
  assert.equal(await withLimits(['--cpu-quota', '20000'], max), '20000 100000');
  assert.equal(await withLimits(['--cpus', '0.25'], max), '25000 100000');
  assert.equal(await withLimits(['--cpu-quota', '-1'], max), isV2 ? 'max 100000' : '-1 100000');
  assert.equal(
    await withLimits(
      ['--cpuset-cpus', '0', '--cpuset-mems', '0'],
      (id) =>
        `${cgroupFile(id, 'cpuset', 'cpuset.cpus', 'cpuset.cpus')} ${cgroupFile(id, 'cpuset', 'cpuset.mems', 'cpuset.mems')}`,
    ),
    '0 0',
  );
  assert.equal(await host.ok('run', '--rm', '--cpuset-cpus', '0', 'busybox', 'nproc'), '1');
});

test('processes: the limit, and none', async () => {
  const pids = (id: string) => cgroupFile(id, 'pids', 'pids.max', 'pids.max');
  assert.equal(await withLimits(['--pids-limit', '7'], pids), '7');
  for (const none of ['-1', '0']) assert.equal(await withLimits(['--pids-limit', none], pids), 'max');
});

/** A whole disk of this machine, the one that holds the files if it is one. */
function disk(): { path: string; number: string } | undefined {
  const { dev } = statSync(files);
  const wanted = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
  const all = readdirSync('/sys/block').flatMap((name) => {
    if (!existsSync(`/dev/${name}`) || /^(loop|ram|zram)/.test(name)) return [];
    return [{ path: `/dev/${name}`, number: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() }];
  });
  return all.find(({ number }) => number === wanted) ?? all[0];
}

test('block I/O: rates of a disk, and weights where the kernel has them', async (t) => {
  const some = disk();
  if (some === undefined) return t.skip('this host has no disk to limit');
  const rate = (v1: string, id: string) => cgroupFile(id, 'blkio', `blkio.throttle.${v1}_device`, 'io.max');
  const flags = [
    '--device-read-bps',
    `${some.path}:1m`,
    '--device-write-bps',
    `${some.path}:2m`,
    '--device-read-iops',
    `${some.path}:100`,
    '--device-write-iops',
    `${some.path}:200`,
  ];
  const wanted = isV2
    ? Array(4).fill(`${some.number} rbps=1048576 wbps=2097152 riops=100 wiops=200`)
    : ['1048576', '2097152', '100', '200'].map((n) => `${some.number} ${n}`);
  assert.deepEqual(
    await withLimits(flags, (id) =>
      ['read_bps', 'write_bps', 'read_iops', 'write_iops'].map((name) => rate(name, id)),
    ),
    wanted,
  );
  const weighed = await host.run([
    'run',
    '-d',
    '--name',
    'weighed',
    '--blkio-weight',
    '300',
    'busybox',
    'sleep',
    '1000',
  ]);
  if (weighed.code === 0) {
    const id = weighed.stdout.trim();
    const directory = isV2 ? `${ROOT}/mydocker/${id}` : `${ROOT}/blkio/mydocker/${id}`;
    const file = ['blkio.bfq.weight', 'io.bfq.weight', 'io.weight'].find((name) =>
      existsSync(`${directory}/${name}`),
    );
    assert.match(
      readFileSync(`${directory}/${file}`, 'utf8'),
      file === 'io.weight' ? /^default 2930$/m : /^(default )?300$/m,
    );
    await host.ok('rm', '-f', 'weighed');
  } else {
    assert.match(
      weighed.stderr,
      /^mydocker: cannot set a weight of block I\/O: this kernel has nothing that weighs it[^\n]*; leave --blkio-weight out[^\n]*\n$/,
    );
    t.diagnostic('this kernel weighs no block I/O: refused by name');
  }
  const each = await host.run([
    'run',
    '--rm',
    '--blkio-weight-device',
    `${some.path}:200`,
    'busybox',
    'true',
  ]);
  if (each.code !== 0)
    assert.match(
      each.stderr,
      /^mydocker: [^\n]*(the scheduler of that disk weighs nobody; set its scheduler to bfq|nothing that weighs it)[^\n]*\n$/,
    );
});

test('--cgroup-parent: the cgroup lies below it, with its limits, and nothing of it is left', async () => {
  const parent = `mydocker-test-${process.pid}/inner`;
  const seen = await withLimits(
    ['--cgroup-parent', `/${parent}`, '-m', '64m', '--pids-limit', '9', '--cpuset-cpus', '0'],
    (id) => [
      cgroupFile(id, 'memory', 'memory.limit_in_bytes', 'memory.max', parent),
      cgroupFile(id, 'pids', 'pids.max', 'pids.max', parent),
    ],
  );
  assert.deepEqual(seen, [String(64 * MB), '9']);
  const hierarchies = isV2 ? [ROOT] : readdirSync(ROOT).map((name) => `${ROOT}/${name}`);
  for (const hierarchy of hierarchies) {
    if (!existsSync(`${hierarchy}/${parent}`)) continue;
    const children = readdirSync(`${hierarchy}/${parent}`, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    assert.deepEqual(
      children.map(({ name }) => name),
      [],
    );
    rmdirSync(`${hierarchy}/${parent}`);
    rmdirSync(`${hierarchy}/${parent.split('/')[0]}`);
  }
  for (const bad of ['../x', 'a/../../b', '', 'a//b', '/'])
    await refusedRun(host, ['--cgroup-parent', bad], /--cgroup-parent/);
});

test('inspect shows the limits in Docker’s words', async () => {
  const flags = [
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
    '--cpu-quota',
    '20000',
    '--cpuset-cpus',
    '0',
    '--pids-limit',
    '7',
  ];
  await host.ok('create', '--name', 'shown', ...flags, 'busybox', 'true');
  const [shown] = JSON.parse(await host.ok('inspect', 'shown')) as [{ HostConfig: Record<string, unknown> }];
  const { Memory, MemorySwap, MemoryReservation, CpuShares, CpuPeriod, CpuQuota, CpusetCpus, PidsLimit } =
    shown.HostConfig;
  assert.deepEqual(
    [Memory, MemorySwap, MemoryReservation, CpuShares, CpuPeriod, CpuQuota, CpusetCpus, PidsLimit],
    [64 * MB, 96 * MB, 32 * MB, 512, 50000, 20000, '0', 7],
  );
  await host.ok('rm', 'shown');
});
