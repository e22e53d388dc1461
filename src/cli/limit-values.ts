import { badInput } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import type { ContainerSpec, RateSpec, Resources } from '../engine/types.ts';
import { warn } from './out.ts';
import type { Flags } from './parse.ts';
import type { Mutable } from './spec.ts';
import * as values from './values.ts';

const coreCount = (): number => builtin('node:os').cpus().length;

/** A whole number in a range. */
export function parseNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw badInput(`${flag} "${text}" is no whole number between ${least} and ${most}`, {
    subject: flag,
    remedy: `give a number between ${least} and ${most}`,
  });
}

/** "/dev/sda:10m". */
function parseRate(flag: string, text: string, rate: (flag: string, text: string) => number): RateSpec {
  const colon = text.lastIndexOf(':');
  const path = text.slice(0, Math.max(colon, 0));
  if (!path.startsWith('/'))
    throw badInput(`${flag} "${text}" is no device with a rate`, {
      subject: flag,
      remedy: `give for example ${flag} /dev/sda:${flag.endsWith('bps') ? '10m' : '100'}`,
    });
  return { path, rate: rate(flag, text.slice(colon + 1)) };
}

const RATES = [
  ['device-read-bps', 'readBps', 'bytes'],
  ['device-write-bps', 'writeBps', 'bytes'],
  ['device-read-iops', 'readIops', 'count'],
  ['device-write-iops', 'writeIops', 'count'],
  ['blkio-weight-device', 'blkioWeightDevice', 'weight'],
] as const;

const RATE_PARSERS = {
  bytes: (flag: string, text: string) => {
    const bytes = values.parseSize(flag, text);
    return parseNumber(flag, String(bytes), 1, Number.MAX_SAFE_INTEGER);
  },
  count: (flag: string, text: string) => parseNumber(flag, text, 1, 4_294_967_295),
  weight: (flag: string, text: string) => parseNumber(flag, text, 10, 1000),
} as const;

function memoryLimits(flags: Flags, resources: Mutable<Resources>): void {
  flags.take('memory', (text, flag) => (resources.memoryBytes = values.parseMemory(flag, text)));
  flags.take('memory-swap', (text, flag) => {
    // 0 is Docker's word for "as if it were left out".
    if (text !== '0') resources.memorySwapBytes = text === '-1' ? -1 : values.parseSize(flag, text);
  });
  flags.take('memory-reservation', (text, flag) => {
    resources.memoryReservationBytes = values.parseMemory(flag, text);
  });
  flags.take('memory-swappiness', (text, flag) => {
    // Docker's word for "as the host has it".
    if (text !== '-1') resources.memorySwappiness = parseNumber(flag, text, 0, 100);
  });
  flags.take('kernel-memory', (text, flag) => {
    values.parseSize(flag, text);
    warn(
      '--kernel-memory is ignored: kernels have no such limit of its own any more; -m counts kernel memory too',
    );
  });
  if (!flags.bool('oom-kill-disable')) return;
  resources.oomKillDisable = true;
  if (resources.memoryBytes === undefined)
    warn('--oom-kill-disable without -m is dangerous: the host can run out of memory');
}

function cpuLimits(flags: Flags, resources: Mutable<Resources>): void {
  const [percent, cores] = [flags.string('cpu'), flags.string('cpus')];
  const short = percent === undefined ? (cores === undefined ? undefined : '--cpus') : '-cpu';
  const conflict = (other: string): void => {
    throw badInput(`${short} and ${other} set the same limit`, {
      subject: other,
      remedy: 'give only one of them',
    });
  };
  if (percent !== undefined && cores !== undefined) conflict('--cpus');
  for (const other of ['cpu-quota', 'cpu-period'])
    if (short !== undefined && flags.has(other)) conflict(`--${other}`);
  flags.take('cpu', (text, flag) => {
    resources.cpuQuotaUs = values.parseCpuPercent(flag, text, coreCount());
  });
  flags.take('cpus', (text, flag) => (resources.cpuQuotaUs = values.parseCpus(flag, text, coreCount())));
  flags.take('cpu-period', (text, flag) => {
    resources.cpuPeriodUs = parseNumber(flag, text, 1000, 1_000_000);
  });
  flags.take('cpu-quota', (text, flag) => {
    if (text !== '-1' && text !== '0')
      resources.cpuQuotaUs = parseNumber(flag, text, 1000, Number.MAX_SAFE_INTEGER);
  });
  flags.take('cpu-shares', (text, flag) => {
    if (text !== '0') resources.cpuShares = parseNumber(flag, text, 2, 262_144);
  });
  flags.take('cpuset-cpus', (text, flag) => (resources.cpusetCpus = values.parseCpuset(flag, text)));
  flags.take('cpuset-mems', (text, flag) => {
    resources.cpusetMems = values.parseCpuset(flag, text, 'memory nodes');
  });
}

/** The limits that are given. Throws BAD_INPUT. */
export function resourcesFromFlags(flags: Flags): Resources {
  const resources: Mutable<Resources> = {};
  memoryLimits(flags, resources);
  cpuLimits(flags, resources);
  flags.take('pids-limit', (text, flag) => {
    const limit = values.parsePidsLimit(flag, text);
    if (limit !== undefined) resources.pidsLimit = limit;
  });
  flags.take('blkio-weight', (text, flag) => {
    if (text !== '0') resources.blkioWeight = parseNumber(flag, text, 10, 1000);
  });
  for (const [name, field, kind] of RATES) {
    if (!flags.has(name)) continue;
    resources[field] = flags.list(name).map((text) => parseRate(`--${name}`, text, RATE_PARSERS[kind]));
  }
  return resources;
}

/** Limits. Throws BAD_INPUT. */
export function limitsFromFlags(flags: Flags): Pick<ContainerSpec, 'resources' | 'cgroupParent'> {
  const resources = resourcesFromFlags(flags);
  const parent = flags.string('cgroup-parent');
  return {
    ...(Object.keys(resources).length === 0 ? {} : { resources }),
    ...(parent === undefined ? {} : { cgroupParent: parent }),
  };
}
