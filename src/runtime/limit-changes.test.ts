import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CgroupHost, type OciResources, planLimitChange } from './index.ts';

const FACTS = { cpus: '0-1', mems: '0', cpusetEmpty: [], hasMemsw: true };
const V1: CgroupHost = {
  version: 1,
  hybrid: false,
  v1: [
    { mount: '/cg/memory', controllers: ['memory'] },
    { mount: '/cg/cpuset', controllers: ['cpuset'] },
    { mount: '/cg/blkio', controllers: ['blkio'] },
    { mount: '/cg/devices', controllers: ['devices'] },
  ],
  v2: undefined,
  v2Controllers: [],
};
const V2: CgroupHost = { version: 2, hybrid: false, v1: [], v2: '/cg', v2Controllers: [] };

/** "file=new<old" for each step, in order. */
function changes(host: CgroupHost, before: OciResources, after: OciResources): string[] {
  const above = { swappiness: '60', allOf: (file: string) => (file === 'cpuset.cpus' ? '0-3' : '0-1') };
  const plan = planLimitChange({ host, facts: FACTS, cgroupsPath: 'm/x', before, after, ...above });
  return plan.map((step) => {
    assert.ok(step.op === 'write' && step.undo?.op === 'write');
    assert.equal(step.undo.path, step.path);
    return `${step.path.split('/').at(-1)}=${step.data}<${step.undo.data}`;
  });
}

test('planLimitChange() v1 raises memory with swap first, and lowers it last', () => {
  const of = (limit: number, swap: number): OciResources => ({ memory: { limit, swap } });
  const memory = 'memory.limit_in_bytes';
  const both = 'memory.memsw.limit_in_bytes';
  assert.deepEqual(changes(V1, of(10, 20), of(30, 40)), [`${both}=40<20`, `${memory}=30<10`]);
  assert.deepEqual(changes(V1, of(30, 40), of(10, 20)), [`${memory}=10<30`, `${both}=20<40`]);
  assert.deepEqual(changes(V1, of(10, 20), of(30, -1)), [`${both}=-1<20`, `${memory}=30<10`]);
  assert.deepEqual(changes(V1, {}, { memory: { limit: 10 } }), [`${memory}=10<-1`, `${both}=20<-1`]);
  assert.deepEqual(changes(V1, { memory: { limit: 10 } }, {}), [`${both}=-1<20`, `${memory}=-1<10`]);
});

test('planLimitChange() writes what differs only, and knows what a new cgroup has', () => {
  assert.deepEqual(changes(V1, { cpu: { cpus: '0' } }, { cpu: { cpus: '0' } }), []);
  assert.deepEqual(changes(V1, { cpu: { cpus: '0' } }, {}), ['cpuset.cpus=0-1<0']);
  assert.deepEqual(changes(V1, { memory: { swappiness: 5 } }, {}), ['memory.swappiness=60<5']);
  assert.deepEqual(changes(V2, { memory: { limit: 10 }, pids: { limit: 3 } }, {}), [
    'memory.max=max<10',
    'memory.swap.max=max<10',
    'pids.max=max<3',
  ]);
  assert.deepEqual(changes(V2, { cpu: { cpus: '1' } }, { cpu: { mems: '0' } }), [
    'cpuset.mems=0<0-1',
    'cpuset.cpus=0-3<1',
  ]);
  assert.deepEqual(changes(V2, {}, { cpu: { quota: 5000, period: 10_000, shares: 1024 } }), [
    'cpu.weight=39<100',
    'cpu.max=5000 10000<max 100000',
  ]);
});

test('planLimitChange() takes rates disk by disk', () => {
  const rate = (minor: number, rate: number) => ({ major: 8, minor, rate });
  const before = {
    blockIO: {
      throttleReadBpsDevice: [rate(0, 5), rate(1, 6)],
      weightDevice: [{ major: 8, minor: 0, weight: 50 }],
    },
  };
  const after = { blockIO: { throttleReadBpsDevice: [rate(0, 7)] } };
  assert.deepEqual(changes(V1, before, after), [
    'blkio.throttle.read_bps_device=8:0 7<8:0 5',
    'blkio.weight_device=8:0 default<8:0 50',
    'blkio.throttle.read_bps_device=8:1 0<8:1 6',
  ]);
  assert.deepEqual(changes(V2, before, after), [
    'io.max=8:0 rbps=7<8:0 rbps=5',
    'io.weight=8:0 default<8:0 405',
    'io.max=8:1 rbps=max<8:1 rbps=6',
  ]);
});
