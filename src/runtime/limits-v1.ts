import { MydockerError } from '../base/index.ts';
import { DEFAULT_DEVICE_RULES, ruleText } from './devices.ts';
import { type IoWeight, noIoWeight } from './io-weight.ts';
import type { OciBlockIo, OciDeviceRule, OciRate, OciResources } from './oci-resources.ts';

/** One value of one file of a cgroup. */
export interface LimitWrite {
  file: string;
  data: string;
  why: string;
  /** Nobody asked for it: no error where the kernel has no such file. */
  optional?: true;
}

/** Facts about a v1 host that decide which files are written. */
export interface CgroupV1Facts {
  /** Cores and memory nodes of the nearest cgroup above the container's that has some. */
  cpus: string;
  mems: string;
  /** The cgroups above the container's that have none yet: "mydocker". */
  cpusetEmpty: readonly string[];
  /** Swap is accounted for: memory.memsw.* are there. */
  hasMemsw: boolean;
  /** Whose weights of block I/O the kernel has; asked only when one is to be set. Default 'plain'. */
  readonly ioWeight?: IoWeight;
}

/** "unlimited" is -1 in files of v1. */
const number = (value: number): string => String(value < 0 ? -1 : value);

function memory(resources: OciResources, facts: CgroupV1Facts, write: Write): void {
  const { limit, reservation, swap, swappiness, disableOOMKiller } = resources.memory ?? {};
  // Both rise or fall together: the kernel keeps the one at or below the other, and a new cgroup has no limit at all.
  if (limit !== undefined)
    write(
      'memory.limit_in_bytes',
      number(limit),
      'memory beyond this is reclaimed, then the OOM killer comes',
    );
  if (swap !== undefined && !facts.hasMemsw)
    throw new MydockerError(
      'NO_CONTROLLER',
      'cannot set --memory-swap: this kernel does not count swap by cgroup (it was started with swapaccount=0)',
      { subject: 'memory', remedy: 'leave it out, or start the host with swapaccount=1' },
    );
  if (swap !== undefined) write('memory.memsw.limit_in_bytes', number(swap), 'memory and swap together');
  else if (limit !== undefined && limit > 0 && facts.hasMemsw)
    write(
      'memory.memsw.limit_in_bytes',
      String(limit * 2),
      'memory and swap together: twice the limit, as Docker',
    );
  if (reservation !== undefined)
    write(
      'memory.soft_limit_in_bytes',
      number(reservation),
      'what it is pushed back to when the host lacks memory',
    );
  if (swappiness !== undefined)
    write('memory.swappiness', String(swappiness), 'how willingly its pages go to the swap');
  if (disableOOMKiller === true)
    write('memory.oom_control', '1', 'at the limit its processes wait, they are not killed');
}

function cpu({ cpu = {} }: OciResources, write: Write): void {
  if (cpu.shares !== undefined) write('cpu.shares', String(cpu.shares), 'its weight when cores are short');
  if (cpu.quota !== undefined || cpu.period !== undefined)
    write(
      'cpu.cfs_period_us',
      String(cpu.period ?? 100_000),
      'the length of one accounting period, in microseconds',
    );
  if (cpu.quota !== undefined)
    write('cpu.cfs_quota_us', number(cpu.quota), 'CPU time per period, in microseconds');
  if (cpu.burst !== undefined)
    write('cpu.cfs_burst_us', String(cpu.burst), 'CPU time that may be saved up, in microseconds');
  if (cpu.realtimePeriod !== undefined)
    write('cpu.rt_period_us', String(cpu.realtimePeriod), 'the same for real-time processes');
  if (cpu.realtimeRuntime !== undefined)
    write('cpu.rt_runtime_us', String(cpu.realtimeRuntime), 'real-time CPU time per period, in microseconds');
  if (cpu.idle !== undefined) write('cpu.idle', String(cpu.idle), 'runs only when nobody else wants to');
}

/** A v1 cpuset is born empty and takes no process before both files are set. */
function cpuset({ cpu = {} }: OciResources, facts: CgroupV1Facts, write: Write): void {
  write(
    'cpuset.mems',
    cpu.mems ?? facts.mems,
    cpu.mems ? 'the memory nodes it may use' : 'a cpuset takes no process before its memory nodes are set',
  );
  write(
    'cpuset.cpus',
    cpu.cpus ?? facts.cpus,
    cpu.cpus ? 'the cores this container may use' : 'all cores: no limit asked',
  );
}

const RATES = [
  ['throttleReadBpsDevice', 'read_bps_device', 'bytes read a second'],
  ['throttleWriteBpsDevice', 'write_bps_device', 'bytes written a second'],
  ['throttleReadIOPSDevice', 'read_iops_device', 'read operations a second'],
  ['throttleWriteIOPSDevice', 'write_iops_device', 'write operations a second'],
] as const;

function blkio(io: OciBlockIo, facts: CgroupV1Facts, write: Write): void {
  const weighs = io.weight !== undefined || (io.weightDevice ?? []).length > 0;
  if (weighs && facts.ioWeight === 'none') throw noIoWeight();
  const prefix = weighs && facts.ioWeight === 'bfq' ? 'blkio.bfq' : 'blkio';
  if (io.weight !== undefined)
    write(`${prefix}.weight`, String(io.weight), 'its weight when the disk is busy');
  for (const { major, minor, weight } of io.weightDevice ?? []) {
    if (weight !== undefined)
      write(`${prefix}.weight_device`, `${major}:${minor} ${weight}`, 'its weight on one disk');
  }
  for (const [field, file, why] of RATES) {
    const list: readonly OciRate[] = io[field] ?? [];
    for (const { major, minor, rate } of list)
      write(`blkio.throttle.${file}`, `${major}:${minor} ${rate}`, `${why}, on one disk`);
  }
}

function devices(resources: OciResources, write: Write): void {
  const asked = resources.devices ?? DEFAULT_DEVICE_RULES;
  // A new cgroup has its parent's devices, mostly all: what no rule is about is refused, as on v2.
  const isForAll = (rule: OciDeviceRule | undefined): boolean => (rule?.type ?? 'a') === 'a';
  const rules = asked.length > 0 && isForAll(asked[0]) ? asked : [{ allow: false }, ...asked];
  for (const rule of rules) {
    const text = ruleText(rule);
    write(
      rule.allow ? 'devices.allow' : 'devices.deny',
      text,
      rule.allow
        ? text === 'a'
          ? 'every device there is'
          : 'a device it may use'
        : text === 'a'
          ? 'no device at all, then those it may use one by one'
          : 'a device it may not use',
    );
  }
}

type Write = (file: string, data: string, why: string) => void;

/** What is written into the files of one v1 hierarchy's cgroup, in order. */
export function limitsV1(
  controllers: readonly string[],
  resources: OciResources,
  facts: CgroupV1Facts,
): LimitWrite[] {
  const list: LimitWrite[] = [];
  const write: Write = (file, data, why) => list.push({ file, data, why });
  const has = (name: string): boolean => controllers.includes(name);
  if (has('cpuset')) cpuset(resources, facts, write);
  if (has('memory')) memory(resources, facts, write);
  if (has('cpu')) cpu(resources, write);
  if (has('pids') && resources.pids !== undefined) {
    const { limit } = resources.pids;
    write('pids.max', limit > 0 ? String(limit) : 'max', 'a fork bomb ends here');
  }
  if (has('blkio') && resources.blockIO !== undefined) blkio(resources.blockIO, facts, write);
  if (has('hugetlb')) {
    for (const { pageSize, limit } of resources.hugepageLimits ?? [])
      write(`hugetlb.${pageSize}.limit_in_bytes`, String(limit), 'huge pages, in bytes');
  }
  if (has('devices')) devices(resources, write);
  return list;
}
