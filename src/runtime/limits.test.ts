import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitWrite } from './limits-v1.ts';
import { limitsV1 } from './limits-v1.ts';
import { limitsV2 } from './limits-v2.ts';
import type { OciResources } from './oci-resources.ts';

const FACTS = { cpus: '0-1', mems: '0', cpusetEmpty: [], hasMemsw: true };
const said = (list: readonly LimitWrite[]): string[] => list.map(({ file, data }) => `${file}=${data}`);
const v1 = (controller: string, resources: OciResources): string[] =>
  said(limitsV1([controller], resources, FACTS));
const v2 = (resources: OciResources): string[] => said(limitsV2(resources));

test('huge pages, by the size of the page', () => {
  const hugepageLimits = [
    { pageSize: '2MB', limit: 4194304 },
    { pageSize: '1GB', limit: 0 },
  ];
  assert.deepEqual(v1('hugetlb', { hugepageLimits }), [
    'hugetlb.2MB.limit_in_bytes=4194304',
    'hugetlb.1GB.limit_in_bytes=0',
  ]);
  assert.deepEqual(v2({ hugepageLimits }), ['hugetlb.2MB.max=4194304', 'hugetlb.1GB.max=0']);
});

test('block I/O: rates of a device, in bytes and in operations', () => {
  const blockIO: OciResources['blockIO'] = {
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 20 }],
  };
  assert.deepEqual(v1('blkio', { blockIO }), [
    'blkio.throttle.read_bps_device=8:0 1000',
    'blkio.throttle.write_iops_device=8:16 20',
  ]);
  assert.deepEqual(v2({ blockIO }), ['io.max=8:0 rbps=1000', 'io.max=8:16 wiops=20']);
});

test('time of the processor: burst and idle, where the kernel has them', () => {
  const cpu = { quota: 50_000, period: 100_000, burst: 10_000, idle: 1 };
  assert.deepEqual(v2({ cpu }), ['cpu.max=50000 100000', 'cpu.max.burst=10000', 'cpu.idle=1']);
  const files = v1('cpu', { cpu });
  for (const one of [
    'cpu.cfs_quota_us=50000',
    'cpu.cfs_period_us=100000',
    'cpu.cfs_burst_us=10000',
    'cpu.idle=1',
  ])
    assert.ok(files.includes(one), `${one} in ${files.join(' ')}`);
});

test('unified: files of cgroup v2 by their names, after all others', () => {
  const resources = { unified: { 'memory.high': '1000' }, pids: { limit: 7 } };
  assert.deepEqual(v2(resources), ['pids.max=7', 'memory.high=1000']);
});
