import { MydockerError } from '../base/index.ts';
import { type IoWeight, noIoWeight } from './io-weight.ts';
import type { LimitWrite } from './limits-v1.ts';
import type { OciBlockIo, OciRate, OciResources } from './oci-resources.ts';

const max = (value: number): string => (value < 0 ? 'max' : String(value));

/** v1's shares, 2 to 262144, as v2's weight, 1 to 10000: the conversion of runc and of systemd. */
export function cpuWeight(shares: number): number {
  return Math.floor(1 + ((shares - 2) * 9999) / 262142);
}

/** v1's weight, 10 to 1000, as v2's, 1 to 10000. */
function ioWeight(weight: number): number {
  return Math.floor(1 + ((weight - 10) * 9999) / 990);
}

const RATES = [
  ['throttleReadBpsDevice', 'rbps', 'bytes read a second'],
  ['throttleWriteBpsDevice', 'wbps', 'bytes written a second'],
  ['throttleReadIOPSDevice', 'riops', 'read operations a second'],
  ['throttleWriteIOPSDevice', 'wiops', 'write operations a second'],
] as const;

type Write = (file: string, data: string, why: string, optional?: true) => void;

/** What of the host decides which file is written. */
interface WeightFacts {
  readonly ioWeight?: IoWeight;
}

function blockIo(io: OciBlockIo, facts: WeightFacts, write: Write): void {
  const weighs = io.weight !== undefined || (io.weightDevice ?? []).length > 0;
  if (weighs && facts.ioWeight === 'none') throw noIoWeight();
  const hasBfqWeight = weighs && facts.ioWeight === 'bfq';
  const file = hasBfqWeight ? 'io.bfq.weight' : 'io.weight';
  const scaled = (weight: number): number => (hasBfqWeight ? weight : ioWeight(weight));
  if (io.weight !== undefined)
    write(file, `default ${scaled(io.weight)}`, 'its weight when the disk is busy');
  for (const { major, minor, weight } of io.weightDevice ?? []) {
    if (weight !== undefined) write(file, `${major}:${minor} ${scaled(weight)}`, 'its weight on one disk');
  }
  for (const [field, key, why] of RATES) {
    const list: readonly OciRate[] = io[field] ?? [];
    for (const { major, minor, rate } of list)
      write('io.max', `${major}:${minor} ${key}=${rate}`, `${why}, on one disk`);
  }
}

function unknownOnV2(flag: string): MydockerError {
  return new MydockerError('NO_CONTROLLER', `cannot set ${flag}: cgroup v2 has no such setting`, {
    subject: 'memory',
    remedy: `leave ${flag} out; only hosts with the v1 memory controller have it`,
  });
}

function memory({ memory = {} }: OciResources, write: Write): void {
  const { limit, reservation, swap, swappiness, disableOOMKiller } = memory;
  if (swappiness !== undefined) throw unknownOnV2('--memory-swappiness');
  if (disableOOMKiller === true) throw unknownOnV2('--oom-kill-disable');
  if (limit !== undefined)
    write('memory.max', max(limit), 'memory beyond this is reclaimed, then the OOM killer comes');
  if (swap !== undefined)
    // v1 counts memory and swap together, v2 swap alone.
    write('memory.swap.max', max(swap < 0 ? -1 : swap - (limit ?? 0)), 'swap alone');
  else if (limit !== undefined && limit > 0)
    write('memory.swap.max', String(limit), 'swap: as much again, as Docker', true);
  if (reservation !== undefined)
    write('memory.low', max(reservation), 'what is not reclaimed while others can give');
}

function cpu({ cpu = {} }: OciResources, write: Write): void {
  if (cpu.shares !== undefined)
    write('cpu.weight', String(cpuWeight(cpu.shares)), 'its weight when cores are short');
  if (cpu.quota !== undefined || cpu.period !== undefined)
    write(
      'cpu.max',
      `${cpu.quota === undefined ? 'max' : max(cpu.quota)} ${cpu.period ?? 100_000}`,
      'CPU time per period, in microseconds',
    );
  if (cpu.burst !== undefined)
    write('cpu.max.burst', String(cpu.burst), 'CPU time that may be saved up, in microseconds');
  if (cpu.idle !== undefined) write('cpu.idle', String(cpu.idle), 'runs only when nobody else wants to');
  if (cpu.cpus !== undefined) write('cpuset.cpus', cpu.cpus, 'the cores this container may use');
  if (cpu.mems !== undefined) write('cpuset.mems', cpu.mems, 'the memory nodes it may use');
}

/** What is written into the files of a v2 cgroup, in order. */
export function limitsV2(resources: OciResources, facts: WeightFacts = {}): LimitWrite[] {
  const list: LimitWrite[] = [];
  const write: Write = (file, data, why, optional) =>
    list.push({ file, data, why, ...(optional === true ? { optional } : {}) });
  memory(resources, write);
  cpu(resources, write);
  if (resources.pids !== undefined) {
    const { limit } = resources.pids;
    write('pids.max', limit > 0 ? String(limit) : 'max', 'a fork bomb ends here');
  }
  if (resources.blockIO !== undefined) blockIo(resources.blockIO, facts, write);
  for (const { pageSize, limit } of resources.hugepageLimits ?? [])
    write(`hugetlb.${pageSize}.max`, String(limit), 'huge pages, in bytes');
  for (const [file, data] of Object.entries(resources.unified ?? {}))
    write(file, data, 'asked for by its name');
  return list;
}
