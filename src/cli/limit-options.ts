import { badInput } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import type { ContainerSpec, RateSpec, Resources } from '../engine/types.ts';
import { warn } from './out.ts';
import type { Flags } from './parse.ts';
import type { Mutable, OptionSpec } from './spec.ts';
import * as values from './values.ts';

const one = (name: string, placeholder: string, help: string): OptionSpec => ({
  name,
  value: 'string',
  placeholder,
  help,
});
const many = (name: string, placeholder: string, help: string): OptionSpec => ({
  name,
  value: 'list',
  placeholder,
  help,
});

/** How much of the host a container may use. */
export const LIMIT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'memory',
    short: 'm',
    also: ['mem'],
    value: 'string',
    placeholder: 'SIZE',
    help: 'memory limit in bytes, or with k, m, g (default: none)',
  },
  one('memory-swap', 'SIZE', 'memory and swap together; -1: all there is (default: twice -m)'),
  one('memory-reservation', 'SIZE', 'soft limit, in bytes or with k, m, g'),
  one('memory-swappiness', 'N', 'how willingly its pages go to the swap, 0 to 100; cgroup v1 only'),
  { name: 'oom-kill-disable', help: 'at the limit its processes wait, none is killed; cgroup v1 only' },
  { ...one('kernel-memory', 'SIZE', 'without effect, as in Docker'), hidden: true },
  {
    name: 'cpu',
    value: 'string',
    placeholder: 'PERCENT',
    help: 'CPU limit in percent of one core (default: none)',
  },
  {
    name: 'cpus',
    value: 'string',
    placeholder: 'CORES',
    help: 'CPU limit in cores: 0.5 is half a core (default: none)',
  },
  { ...one('cpu-shares', 'N', 'weight when cores are short, 2 to 262144 (default 1024)'), short: 'c' },
  one('cpu-period', 'MICROSECONDS', 'length of a period, 1000 to 1000000 (default 100000)'),
  one('cpu-quota', 'MICROSECONDS', 'CPU time in each period, 1000 or more'),
  {
    name: 'cpuset-cpus',
    also: ['cpuset'],
    value: 'string',
    placeholder: 'LIST',
    help: 'the cores it may run on: 0-1,3 (default: all)',
  },
  one('cpuset-mems', 'LIST', 'the memory nodes it may use: 0-1 (default: all)'),
  one('pids-limit', 'N', 'most processes at a time; -1: no limit (default)'),
  one('blkio-weight', 'N', 'weight when the disk is busy, 10 to 1000'),
  many('blkio-weight-device', 'DEVICE:N', 'the same for one disk: /dev/sda:200'),
  many('device-read-bps', 'DEVICE:RATE', 'bytes read a second from one disk: /dev/sda:10m'),
  many('device-write-bps', 'DEVICE:RATE', 'bytes written a second to one disk: /dev/sda:10m'),
  many('device-read-iops', 'DEVICE:N', 'read operations a second from one disk: /dev/sda:100'),
  many('device-write-iops', 'DEVICE:N', 'write operations a second to one disk: /dev/sda:100'),
  one('cgroup-parent', 'PATH', 'the cgroup its own lies in (default: /mydocker)'),
];

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
