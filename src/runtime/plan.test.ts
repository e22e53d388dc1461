import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Step } from '../plan/index.ts';
import {
  type CgroupHost,
  type LaunchInput,
  parseCgroupMounts,
  planExec,
  planLaunch,
  sameCapabilities,
} from './index.ts';

const MOUNTINFO = [
  '24 1 0:22 / /proc rw - proc proc rw',
  '30 25 0:26 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
  '31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct',
  '32 25 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
  '33 25 0:29 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd',
  '34 25 0:30 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer',
  '35 25 0:30 / /elsewhere/freezer rw,relatime - cgroup cgroup rw,freezer',
].join('\n');

const V1: CgroupHost = { version: 1, hybrid: true, v2Controllers: [], ...parseCgroupMounts(MOUNTINFO) };
const V2: CgroupHost = {
  version: 2,
  hybrid: false,
  v1: [],
  v2: '/sys/fs/cgroup',
  v2Controllers: ['cpu', 'cpuset', 'memory', 'pids'],
};

function input(more: Partial<LaunchInput> = {}): LaunchInput {
  const id = 'a'.repeat(64);
  return {
    id,
    bootId: 'boot',
    cgroups: V1,
    cgroupFacts: { cpus: '0-1', mems: '0', cpusetEmpty: [], hasMemsw: false },
    rootfs: { host: [], init: [] },
    network: { own: [], gone: [], host: [], init: [] },
    services: { host: [], init: [] },
    firstSlot: 1,
    paths: {
      runDir: '/run/x',
      containerDir: '/c',
      nameFile: '/names/n',
      log: '/c/log.json',
      running: '/c/running',
    },
    log: { maxBytes: 1, maxFiles: 1 },
    autoRemove: false,
    stdin: false,
    inherit: false,
    hold: false,
    init: false,
    spec: {
      process: {
        terminal: false,
        user: { username: '' },
        args: ['top'],
        env: [],
        cwd: '/',
        capabilities: sameCapabilities(['CAP_KILL', 'CAP_MKNOD']),
        noNewPrivileges: false,
        seccomp: undefined,
      },
      root: { path: '/c/rootfs', readonly: false },
      hostname: 'h',
      mounts: [],
      linux: {
        namespaces: (['mount', 'pid', 'uts', 'ipc', 'network', 'cgroup'] as const).map((type) => ({ type })),
        cgroupsPath: `mydocker/${id}`,
        resources: {},
        maskedPaths: ['/proc/kcore'],
        readonlyPaths: ['/proc/sys'],
      },
    },
    ...more,
  };
}

const find = (steps: readonly Step[], op: Step['op']) => steps.filter((step) => step.op === op);

test('parseCgroupMounts() finds each v1 hierarchy once, without systemd’s, and the v2 tree', () => {
  assert.deepEqual(V1.v1, [
    { mount: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
    { mount: '/sys/fs/cgroup/memory', controllers: ['memory'] },
    { mount: '/sys/fs/cgroup/freezer', controllers: ['freezer'] },
  ]);
  assert.equal(V1.v2, '/sys/fs/cgroup/unified');
});

test('planLaunch() ends in exec, and its sections stand in order', () => {
  const { steps } = planLaunch(input());
  assert.equal(steps.at(-1)?.op, 'exec');
  const order = ['host', 'host-after', 'init'];
  const sections = steps.map((step) => order.indexOf(step.where));
  assert.deepEqual(sections, [...sections].sort());
  assert.equal(steps.filter((step) => step.why === '').length, 0);
});

test('planLaunch() joins v1 cgroups from inside by "0" in tasks, and is born in the v2 one', () => {
  const joins = (plan: { steps: readonly Step[] }) =>
    find(plan.steps, 'write').filter((step) => step.op === 'write' && step.path.endsWith('/tasks'));
  const v1 = joins(planLaunch(input()));
  assert.equal(v1.length, 3);
  assert.ok(v1.every((step) => step.op === 'write' && step.data === '0' && step.where === 'init'));
  const v2 = planLaunch(input({ cgroups: V2 }));
  assert.equal(joins(v2).length, 0);
  assert.deepEqual(
    find(v2.steps, 'clone').map((step) => step.op === 'clone' && step.cgroupSlot),
    [0],
  );
});

test('planLaunch() unshares the cgroup namespace only after it joined', () => {
  const { steps } = planLaunch(input());
  const lastJoin = steps.findLastIndex((step) => step.op === 'write' && step.path.endsWith('/tasks'));
  assert.ok(steps.findIndex((step) => step.op === 'unshare') > lastJoin);
});

test('planLaunch() gives every made cgroup an undo, and kills what is in it first', () => {
  const undos = planLaunch(input()).steps.flatMap((step) => (step.undo === undefined ? [] : [step.undo.op]));
  assert.deepEqual(undos, ['discard-tree', 'unlink', 'rmdir', 'rmdir', 'rmdir', 'kill-cgroup']);
});

test('planLaunch() refuses a limit whose controller this host lacks, and never ignores it', () => {
  const limited = input();
  limited.spec.linux.resources = { pids: { limit: 5 } };
  assert.throws(() => planLaunch(limited), { code: 'NO_CONTROLLER', subject: 'pids' });
  for (const memory of [{ swappiness: 10 }, { disableOOMKiller: true }]) {
    const onV2 = input({ cgroups: V2 });
    onV2.spec.linux.resources = { memory };
    assert.throws(() => planLaunch(onV2), { code: 'NO_CONTROLLER', subject: 'memory' });
  }
});

test('planLaunch() keeps CAP_MKNOD only where device rules hold', () => {
  const mask = (host: CgroupHost) => {
    const [step] = find(planLaunch(input({ cgroups: host })).steps, 'capabilities');
    return step?.op === 'capabilities' ? step.bounding : undefined;
  };
  const ruled = { ...V1, v1: [...V1.v1, { mount: '/sys/fs/cgroup/devices', controllers: ['devices'] }] };
  assert.equal(mask(ruled), (1n << 5n) | (1n << 27n));
  assert.equal(mask(V1), 1n << 5n);
  assert.equal(mask(V2), (1n << 5n) | (1n << 27n));
});

test('planLaunch() says on v2 by a program which devices may be used, before anything runs in the cgroup', () => {
  const { steps } = planLaunch(input({ cgroups: V2 }));
  const at = (op: Step['op']) => steps.findIndex((step) => step.op === op);
  assert.ok(at('bpf-device') > at('mkdir') && at('bpf-device') < at('clone'));
  assert.equal(find(planLaunch(input()).steps, 'bpf-device').length, 0);
});

test('planLaunch() sets the death signal after the user: changing the user clears it', () => {
  const ops = planLaunch(input()).steps.map((step) => step.op);
  assert.ok(ops.indexOf('pdeathsig') > ops.indexOf('set-user'));
  assert.ok(ops.indexOf('set-user') > ops.indexOf('capabilities'));
});

test('planLaunch() with --rm owns the container’s directory and name', () => {
  const { steps } = planLaunch(input({ autoRemove: true }));
  const undone = steps.flatMap((step) =>
    step.undo !== undefined && 'path' in step.undo ? [step.undo.path] : [],
  );
  assert.ok(undone.includes('/c') && undone.includes('/names/n'));
  assert.equal(undone[0], '/run/x', 'the run directory is the last to go');
});

test('planLaunch() takes bind sources before the clone and attaches them after pivot_root', () => {
  const bound = input();
  bound.spec.mounts = [{ destination: '/data', type: 'bind', source: '/srv', options: ['ro'] }];
  const { steps } = planLaunch(bound);
  const at = (op: Step['op']) => steps.findIndex((step) => step.op === op);
  assert.ok(at('open-tree') < at('clone'));
  assert.ok(at('attach-tree') > at('pivot-root'));
});

test('planExec() enters the pid namespace before its clone, the others after joining the cgroup', () => {
  const { steps } = planExec({
    process: input().spec.process,
    pid: 1,
    startTicks: 2,
    namespaces: ['mount', 'pid', 'uts', 'ipc', 'network', 'cgroup'],
    cgroups: V1,
    cgroupsPath: 'mydocker/x',
    stdin: false,
    inherit: true,
    hold: false,
    socket: undefined,
  });
  const ops = steps.map((step) => step.op);
  assert.ok(ops.indexOf('setns') < ops.indexOf('clone'));
  assert.ok(ops.lastIndexOf('setns') > ops.lastIndexOf('write'));
  assert.equal(ops[0], 'open-process');
});
