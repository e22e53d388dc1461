/** cgroup v2 by itself: limits, devices and freezing at the root, and in a cgroup that somebody gave to mydocker. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { cgroups, command, EXECUTABLE, Host, leftovers, until } from './harness.ts';

const host = new Host();
const ROOT = '/sys/fs/cgroup';
const isV2 = existsSync(`${ROOT}/cgroup.controllers`);

/** True, and the reason printed, where this cannot be tried. `npm run test:vm` runs it in a guest. */
function skipped(t: TestContext): boolean {
  if (!isV2) t.skip('this host has cgroup v1 controllers; npm run test:vm tries it in a guest');
  return !isV2;
}

const LIMITS = ['-m', '64m', '--cpus', '0.5', '--pids-limit', '20', '--cpuset-cpus', '0'];
/** The container's own view of its limits. */
const SHOW = 'cd /sys/fs/cgroup; cat memory.max cpu.max pids.max cpuset.cpus; cat /proc/self/cgroup';
const SEEN = ['67108864', '50000 100000', '20', '0', '0::/'];

test('all limits stand in the files of one cgroup, which the container sees as its root', async (t) => {
  if (skipped(t)) return;
  const out = await host.ok('run', '--rm', ...LIMITS, 'busybox', 'sh', '-c', SHOW);
  assert.deepEqual(out.split('\n'), SEEN);
  const { stderr } = await host.run(['run', '--rm', 'busybox', 'sh', '-c', `echo max >${ROOT}/memory.max`]);
  assert.match(stderr, /Read-only file system/);
});

test('a process is born in its cgroup, and nothing of it is left at the end', async (t) => {
  if (skipped(t)) return;
  const id = await host.ok('run', '-d', '--name', 'born', 'busybox', 'sleep', '1000');
  const procs = () => readFileSync(`${ROOT}/mydocker/${id}/cgroup.procs`, 'utf8').trim().split('\n');
  assert.deepEqual(procs(), [await host.ok('inspect', '-f', '{{.State.Pid}}', 'born')]);
  await host.ok('exec', '-d', 'born', 'sleep', '1001');
  await until('the second is there too', () => procs().length === 2);
  await host.ok('pause', 'born');
  assert.match(readFileSync(`${ROOT}/mydocker/${id}/cgroup.events`, 'utf8'), /frozen 1/);
  await host.ok('rm', '-f', 'born');
  assert.ok(!cgroups().some((name) => name.includes(id)));
});

function isEmpty(name: string): boolean {
  const [hierarchy = '', id = ''] = name.split('/');
  try {
    return readFileSync(`${ROOT}/${hierarchy}/mydocker/${id}/cgroup.procs`, 'utf8') === '';
  } catch (error) {
    // It went meanwhile.
    if (['ENOENT', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

test('each step on the cgroup fails once: the error names it, and nothing is left', async (t) => {
  if (skipped(t)) return;
  const words = ['run', '--rm', ...LIMITS, 'busybox', 'true'];
  const plan = JSON.parse(await host.ok('explain', '--json', ...words)) as {
    steps: Array<{ n: number; op: string; args: { path?: string } }>;
  };
  const steps = plan.steps.filter(({ args }) => args.path?.startsWith(`${ROOT}/`));
  assert.ok(steps.some(({ op }) => op === 'bpf-device') && steps.length >= 8, `${steps.length} steps`);
  const before = new Set(cgroups());
  // Other tests' cgroups come and go meanwhile, and most of them hold processes.
  const added = () => cgroups().filter((name) => !before.has(name) && isEmpty(name));
  for (const { n, op } of steps) {
    const { code, stderr } = await host.run(words, { env: { MYDOCKER_FAIL_STEP: `${n}:EIO` } });
    assert.equal(code, 125, `step ${n}, ${op}`);
    assert.match(stderr, new RegExp(`step ${n}, `));
    const seen = added();
    await until(`no cgroup of step ${n}, ${op}, is left`, () => !added().some((name) => seen.includes(name)));
    assert.deepEqual(leftovers(host.root), [], `after step ${n}, ${op}`);
  }
});

/** The files of a container that is gone are removed by a process that nobody waits for: it ends a moment later. */
async function areEmpty(...cgroupPaths: readonly string[]): Promise<void> {
  await until(`nobody is left in ${cgroupPaths.join(', ')}`, () =>
    cgroupPaths.every((path) => readFileSync(`${path}/cgroup.procs`, 'utf8') === ''),
  );
}

/** In a cgroup below the root, with a cgroup namespace: what a container, or a service with Delegate=yes, sees. */
async function inGivenCgroup(name: string, script: string) {
  const given = `${ROOT}/${name}`;
  mkdirSync(given);
  const inner = `umount -l ${ROOT}; mount -t cgroup2 cgroup2 ${ROOT} && ${script}`;
  const outer = `echo $$ >${given}/cgroup.procs; exec unshare -C -m sh -c "$0"`;
  const result = await command('sh', ['-c', outer, inner], { env: { MYDOCKER_ROOT: host.root } });
  const left = ['mydocker', 'init'].filter((child) => existsSync(`${given}/${child}`));
  await areEmpty(given, ...left.map((child) => `${given}/${child}`));
  for (const child of left) rmdirSync(`${given}/${child}`);
  rmdirSync(given);
  return { ...result, lines: result.stdout.trim().split('\n') };
}

test('in a cgroup that was given to it mydocker has the same flags: limits, kills, exec, pause, stats', async (t) => {
  if (skipped(t)) return;
  const script = [
    'md() { "$MD" "$@"; }',
    `md run --rm ${LIMITS.join(' ')} busybox sh -c '${SHOW}'`,
    'md run --rm -m 16m busybox tail /dev/zero; echo $?',
    'md run -d --name inner -m 32m busybox sleep 1000 >/dev/null',
    'md exec inner cat /proc/self/cgroup',
    'md stats --no-stream --format "{{.MemUsage}}|{{.PIDs}}" inner | sed "s/.* . //"',
    'md pause inner; md ps --filter status=paused --format "{{.Names}}"',
    'md rm -f inner',
    `cat ${ROOT}/cgroup.procs; ls -d ${ROOT}/mydocker/*/ 2>/dev/null`,
  ].join('\n');
  const { code, lines, stderr } = await inGivenCgroup('given-limits', `export MD=${EXECUTABLE}; ${script}`);
  assert.deepEqual(lines, [...SEEN, '137', '0::/', '32MiB|1', 'inner', 'inner', 'inner'], stderr);
  assert.notEqual(code, 125, stderr);
});

test('the devices of a container in a given cgroup are bound too', async (t) => {
  if (skipped(t)) return;
  const inside = 'mknod /mem c 1 1; head -c 1 /mem; echo x >/dev/null && echo fine';
  const { lines, stderr } = await inGivenCgroup(
    'given-devices',
    `${EXECUTABLE} run --rm busybox sh -c '${inside}'`,
  );
  assert.deepEqual(lines, ['fine']);
  assert.match(stderr, /Operation not permitted/);
});

test('a controller that the given cgroup lacks is named, and the limit refused', async (t) => {
  if (skipped(t)) return;
  const given = `${ROOT}/given-few`;
  mkdirSync(given);
  mkdirSync(`${given}/sub`);
  // The upper one gives nothing on, so the lower one has no controller at all.
  const inner = `umount -l ${ROOT}; mount -t cgroup2 cgroup2 ${ROOT} && ${EXECUTABLE} run --rm -m 64m busybox true; ${EXECUTABLE} run --rm busybox echo unlimited`;
  const outer = `echo $$ >${given}/sub/cgroup.procs; exec unshare -C -m sh -c "$0"`;
  const { stdout, stderr } = await command('sh', ['-c', outer, inner], { env: { MYDOCKER_ROOT: host.root } });
  assert.match(stderr, /cannot limit memory: this host has no memory cgroup controller/);
  assert.equal(stdout, 'unlimited\n');
  await areEmpty(`${given}/sub`);
  if (existsSync(`${given}/sub/mydocker`)) rmdirSync(`${given}/sub/mydocker`);
  rmdirSync(`${given}/sub`);
  rmdirSync(given);
});
