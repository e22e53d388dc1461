import type { RateSpec, ResourceChanges, Resources } from '../engine/types.ts';
import { LIMIT_OPTIONS } from './limit-options.ts';
import { resourcesFromFlags } from './limit-values.ts';
import { Flags } from './parse.ts';

/** What each flag sets. */
const FIELDS = {
  memory: 'memoryBytes',
  'memory-swap': 'memorySwapBytes',
  'memory-reservation': 'memoryReservationBytes',
  'memory-swappiness': 'memorySwappiness',
  'oom-kill-disable': 'oomKillDisable',
  cpu: 'cpuQuotaUs',
  cpus: 'cpuQuotaUs',
  'cpu-shares': 'cpuShares',
  'cpu-period': 'cpuPeriodUs',
  'cpu-quota': 'cpuQuotaUs',
  'cpuset-cpus': 'cpusetCpus',
  'cpuset-mems': 'cpusetMems',
  'pids-limit': 'pidsLimit',
  'blkio-weight': 'blkioWeight',
  'blkio-weight-device': 'blkioWeightDevice',
  'device-read-bps': 'readBps',
  'device-write-bps': 'writeBps',
  'device-read-iops': 'readIops',
  'device-write-iops': 'writeIops',
} as const satisfies Readonly<Record<string, keyof Resources>>;

/** Words that take a limit away, beside those that mean "none" in `run` too. */
const NONE: Readonly<Record<string, readonly string[]>> = {
  memory: ['-1'],
  'memory-reservation': ['-1'],
  cpu: ['0'],
  cpus: ['0'],
  'cpu-period': ['0'],
  'cpuset-cpus': [''],
  'cpuset-mems': [''],
};

type Changes = { -readonly [K in keyof ResourceChanges]: ResourceChanges[K] };

/** "/dev/sda:0": no rate of that disk any more. */
const withoutRate = (text: string): boolean => /^\/.*:0$/.test(text);

/** The limits to change: null takes one away, and a rate of 0 that of one disk. Throws BAD_INPUT. */
export function changesFromFlags(flags: Flags): ResourceChanges {
  const setting = new Flags();
  const changes: Changes = {};
  for (const { name } of LIMIT_OPTIONS) {
    if (!flags.has(name)) continue;
    const field = FIELDS[name as keyof typeof FIELDS];
    const [text, list] = [flags.string(name), flags.list(name)];
    if (field !== undefined) changes[field] = null;
    // With a word of its own, the period that was set before no longer fits the share of a core.
    if (name === 'cpu' || name === 'cpus') changes.cpuPeriodUs = null;
    if (text !== undefined && NONE[name]?.includes(text)) continue;
    const value = text ?? (list.length > 0 ? list.filter((one) => !withoutRate(one)) : flags.bool(name));
    if (!Array.isArray(value) || value.length > 0) setting.set(name, value as string, flags.spelling(name));
  }
  Object.assign(changes, resourcesFromFlags(setting));
  for (const [name, field] of Object.entries(FIELDS)) {
    const gone = flags.list(name).filter(withoutRate);
    if (gone.length === 0) continue;
    const kept = (changes[field] ?? []) as readonly RateSpec[];
    const none = gone.map((text): RateSpec => ({ path: text.replace(/:0$/, ''), rate: 0 }));
    (changes as Record<string, unknown>)[field] = [...kept, ...none];
  }
  return changes;
}
