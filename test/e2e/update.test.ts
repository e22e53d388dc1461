/** update: other limits for containers that run, and for those that do not; all of them come to hold, or none. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { memoryLimit } from './cgroup.ts';
import { Host, until } from './harness.ts';
import { refused } from './refused.ts';

const host = new Host();
const ROOT = '/sys/fs/cgroup';
const isV2 = existsSync(`${ROOT}/cgroup.controllers`);
const MB = 1048576;

/** Every file of a container's cgroup that a limit stands in, as it is now. */
function files(id: string): Record<string, string> {
  const names = isV2
    ? [
        'memory.max',
        'memory.swap.max',
        'memory.low',
        'cpu.max',
        'cpu.weight',
        // Not what was written: for no limit an older kernel takes only a list of all there are.
        'cpuset.cpus.effective',
        'pids.max',
        'io.max',
      ]
    : [
        ...[
          'memory.limit_in_bytes',
          'memory.memsw.limit_in_bytes',
          'memory.soft_limit_in_bytes',
          'memory.swappiness',
        ],
        ...['cpu.cfs_quota_us', 'cpu.cfs_period_us', 'cpu.shares', 'cpuset.cpus', 'pids.max'],
        ...['blkio.throttle.read_bps_device', 'blkio.throttle.write_iops_device', 'blkio.bfq.weight'],
      ];
  const read = (name: string): string => {
    const path = isV2
      ? `${ROOT}/mydocker/${id}/${name}`
      : `${ROOT}/${name.split('.')[0]}/mydocker/${id}/${name}`;
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  };
  return Object.fromEntries(names.map((name) => [name, read(name)]));
}

const recorded = (ref: string): Promise<string> => host.ok('inspect', '-f', '{{json .HostConfig}}', ref);

/** A disk whose rates can be limited. */
function disk(): string | undefined {
  return readdirSync('/sys/block')
    .filter((name) => !/^(loop|ram|zram)/.test(name) && existsSync(`/dev/${name}`))
    .map((name) => `/dev/${name}`)[0];
}

const ALL = [
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
  '50',
];

test('a running container: the same files as one that was started so; kept for its next start', async () => {
  const some = disk();
  const flags = [
    ...ALL,
    ...(some === undefined ? [] : ['--device-read-bps', `${some}:1m`, '--device-write-iops', `${some}:100`]),
  ];
  const born = await host.ok('run', '-d', '--name', 'born', ...flags, 'busybox', 'sleep', '1000');
  const id = await host.ok('run', '-d', '--name', 'changed', 'busybox', 'sleep', '1000');
  const bare = files(id);
  assert.equal(await host.ok('update', ...flags, 'changed'), 'changed');
  assert.deepEqual(files(id), files(born));
  assert.equal(await recorded('changed'), await recorded('born'));
  // Again is nothing; one alone leaves the others.
  await host.ok('update', ...flags, 'changed');
  await host.ok('container', 'update', '--pids-limit', '60', 'changed');
  assert.deepEqual(files(id), { ...files(born), 'pids.max': '60' });
  // Stopped and started, it has them still.
  await host.ok('stop', 'changed');
  await host.ok('start', 'changed');
  assert.deepEqual(files(id), { ...files(born), 'pids.max': '60' });
  // And away with all of them, one word each: as if there had never been one.
  const away = [
    '-m',
    '-1',
    '--memory-swap',
    '0',
    '--memory-reservation',
    '-1',
    '--cpu-shares',
    '0',
    '--cpu-period',
    '0',
    '--cpu-quota',
    '-1',
    '--cpuset-cpus',
    '',
    '--pids-limit',
    '-1',
  ];
  const rates =
    some === undefined ? [] : ['--device-read-bps', `${some}:0`, '--device-write-iops', `${some}:0`];
  await host.ok('update', ...away, ...rates, 'changed');
  assert.deepEqual(files(id), bare);
  await host.ok('rm', '-f', 'born', 'changed');
});

test('memory up and down, below and above the old sum with swap; lower than what is in use is refused', async () => {
  const id = await host.ok(
    'run',
    '-d',
    '--name',
    'mem',
    '-m',
    '64m',
    'busybox',
    'sh',
    '-c',
    'head -c 20000000 /dev/zero >/dev/shm/x; echo ready; sleep 1000',
  );
  for (const [limit, swap] of [
    ['512m', '-1'],
    ['32m', '64m'],
    ['256m', '300m'],
    ['256m', '256m'],
    ['48m', '1g'],
    ['64m', '0'],
  ] as const) {
    await host.ok('update', '-m', limit, '--memory-swap', swap, 'mem');
    assert.equal(memoryLimit(id), String(Number.parseInt(limit, 10) * MB), `${limit} ${swap}`);
  }
  await host.ok('update', '-m', '200m', 'mem');
  assert.equal(memoryLimit(id), String(200 * MB), 'without --memory-swap the sum follows');
  await until('it holds 20 MB', async () => /ready/.test(await host.ok('logs', 'mem')));
  // A swap that takes it in is no lack: without swap there is nowhere for it to go.
  const before = files(id);
  const record = await recorded('mem');
  const low = await host.run(['update', '-m', '8m', '--memory-swap', '8m', 'mem']);
  assert.equal(low.code, 125, `${low.stdout} ${JSON.stringify(files(id))}`);
  assert.match(
    low.stderr,
    /^mydocker: cannot update mem: [^\n]*(more memory is in use already|bytes are in use already)[^\n]*; give a larger -m\n$/,
  );
  assert.deepEqual(files(id), before);
  assert.equal(await recorded('mem'), record);
  assert.equal(await host.ok('inspect', '-f', '{{.State.Running}}', 'mem'), 'true');
  await host.ok('rm', '-f', 'mem');
});

test('a lowered limit holds at once: the next fork fails, a hog is killed', async () => {
  await host.ok('run', '-d', '--name', 'low', 'busybox', 'sleep', '1000');
  await host.ok('update', '--pids-limit', '3', '-m', '16m', '--memory-swap', '16m', 'low');
  const forks = await host.run(['exec', 'low', 'sh', '-c', 'for i in 1 2 3 4; do sleep 3 & done; echo all']);
  assert.match(forks.stderr, /fork/);
  assert.equal((await host.run(['exec', 'low', 'tail', '/dev/zero'])).code, 137);
  await host.ok('rm', '-f', 'low');
});

test('one that is stopped, created or paused', async () => {
  await host.ok('create', '--name', 'idle', 'busybox', 'sleep', '1000');
  await host.ok('update', '-m', '64m', '--cpus', '0.5', 'idle');
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'idle');
  await host.ok('start', 'idle');
  assert.equal(memoryLimit(id), String(64 * MB));
  await host.ok('pause', 'idle');
  await host.ok('update', '-m', '80m', 'idle');
  assert.equal(memoryLimit(id), String(80 * MB));
  assert.equal(await host.ok('inspect', '-f', '{{.State.Status}}', 'idle'), 'paused');
  await host.ok('rm', '-f', 'idle');
});

test('a fault at every step leaves the old limits and the old record', async () => {
  const id = await host.ok(
    'run',
    '-d',
    '--name',
    'firm',
    '-m',
    '64m',
    '--pids-limit',
    '20',
    'busybox',
    'sleep',
    '1000',
  );
  const before = files(id);
  const record = readFileSync(`${host.root}/containers/${id}/container.json`, 'utf8');
  const entries = readdirSync(`${host.root}/containers/${id}`).sort();
  let step = 1;
  for (; step < 40; step++) {
    const { code, stderr } = await host.run(['update', ...ALL, 'firm'], {
      env: { MYDOCKER_FAIL_STEP: String(step) },
    });
    if (code === 0) break;
    assert.equal(code, 125, stderr);
    assert.match(stderr, new RegExp(`^mydocker: cannot update firm: step ${step}, [^\\n]*EIO[^\\n]*\\n$`));
    assert.deepEqual(files(id), before, `after a fault at step ${step}`);
    assert.equal(readFileSync(`${host.root}/containers/${id}/container.json`, 'utf8'), record);
    assert.deepEqual(readdirSync(`${host.root}/containers/${id}`).sort(), entries);
  }
  assert.ok(step > 6, `${step} steps`);
  assert.notDeepEqual(files(id), before, 'the last one went through');
  await host.ok('rm', '-f', 'firm');
});

test('many updates and a rename at once: one after the other, none is lost', async () => {
  await host.ok('run', '-d', '--name', 'busy', 'busybox', 'sleep', '1000');
  const id = await host.ok('inspect', '-f', '{{.Id}}', 'busy');
  await Promise.all([
    host.ok('update', '-m', '64m', id),
    host.ok('update', '--cpus', '0.5', id),
    host.ok('update', '--pids-limit', '33', id),
    host.ok('update', '--cpu-shares', '512', id),
    host.ok('rename', id, 'busier'),
  ]);
  const config = JSON.parse(await recorded('busier')) as Record<string, number>;
  assert.deepEqual(
    [config.Memory, config.NanoCpus, config.PidsLimit, config.CpuShares],
    [64 * MB, 500_000_000, 33, 512],
  );
  assert.equal(memoryLimit(id), String(64 * MB));
  // And with one that ends in the middle of it: the update holds for its next start, or says that it is gone.
  const [updated] = await Promise.all([
    host.run(['update', '-m', '96m', id]),
    host.ok('stop', '-t', '0', id),
  ]);
  assert.equal(updated.code, 0, updated.stderr);
  await host.ok('start', id);
  assert.equal(memoryLimit(id), String(96 * MB));
  await host.ok('rm', '-f', id);
});

test('what cannot be: nothing is changed, and the line says why', async () => {
  const id = await host.ok('run', '-d', '--name', 'fixed', '-m', '64m', 'busybox', 'sleep', '1000');
  const before = files(id);
  const bad: ReadonlyArray<readonly [flags: string[], line: RegExp]> = [
    [[], /update needs something to change; give one or more/],
    [['-m', '100k'], /too little/],
    [['-m', 'lots'], /is no size/],
    [['--memory-swap', '32m'], /are less than -m, 67108864 bytes/],
    [['--memory-reservation', '65m'], /more than the limit of -m/],
    [['--cpus', '0.5', '--cpu-quota', '1000'], /set the same limit/],
    [['--cpuset-cpus', '999'], /this host has no core 999/],
    [['--pids-limit', '-2'], /is no number of processes/],
    [['--cpu-quota', '9007199254740991'], /the kernel does not take this value/],
    [['--device-read-bps', '/dev/nosuch:1m'], /no device \/dev\/nosuch/],
    [['--blkio-weight', '5'], /between 10 and 1000/],
    [['--cgroup-parent', '/x'], /unknown flag --cgroup-parent/],
  ];
  for (const [flags, line] of bad) {
    await refused(host, 125, ['update', ...flags, 'fixed'], line);
    assert.deepEqual(files(id), before, flags.join(' '));
  }
  if (isV2)
    await refused(
      host,
      125,
      ['update', '--memory-swappiness', '5', 'fixed'],
      /cgroup v2 has no such setting/,
    );
  await refused(host, 1, ['update', '-m', '64m', 'nobody'], /no such container: nobody/);
  // The first fails, the second is changed all the same.
  const two = await host.run(['update', '-m', '70m', 'nobody', 'fixed']);
  assert.deepEqual([two.code, two.stdout], [1, 'fixed\n']);
  assert.equal(memoryLimit(id), String(70 * MB));
  await host.ok('rm', '-f', 'fixed');
});
