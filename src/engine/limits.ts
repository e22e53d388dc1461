import { statSync } from 'node:fs';
import { badInput, builtin, errnoOf, MydockerError } from '../base/index.ts';
import type { DeviceRate, RecordedResources } from '../storage/index.ts';
import type { Core } from './core.ts';
import type { RateSpec, Resources } from './types.ts';

/** No kernel knows more cores (CONFIG_NR_CPUS); a longer range is cut there, not listed. */
const MOST_CORES = 8192;

function parseList(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: Math.min(to - from + 1, MOST_CORES) }, (_, i) => from + i);
  });
}

function checkList(flag: string, thing: string, list: string, available: string): void {
  const have = new Set(parseList(available));
  const lacking = parseList(list).filter((core) => !have.has(core));
  if (lacking.length === 0) return;
  const some = `${lacking.slice(0, 4).join(', ')}${lacking.length > 4 ? ' …' : ''}`;
  throw badInput(`${flag} "${list}": this host has no ${thing} ${some} (it has ${available})`, {
    subject: list,
    remedy: `name only ${thing}s the host has`,
  });
}

/** The numbers of a block device. Throws NO_DEVICE. */
function blockDevice(flag: string, path: string): { major: number; minor: number } {
  let mode = 0;
  let rdev = 0;
  try {
    ({ mode, rdev } = statSync(path));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new MydockerError(
      'NO_DEVICE',
      `${flag}: ${errno === 'ENOENT' ? `this host has no device ${path}` : `${path} cannot be reached (${errno})`}`,
      { errno, subject: path, remedy: 'see the block devices with: lsblk' },
    );
  }
  if ((mode & 0o170000) !== 0o060000)
    throw new MydockerError('NO_DEVICE', `${flag}: ${path} is no block device`, {
      subject: path,
      remedy: 'see the block devices with: lsblk',
    });
  return deviceNumbers(rdev);
}

/** makedev(3): both numbers in one. */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  const wide = BigInt(rdev);
  const major = ((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn);
  const minor = (wide & 0xffn) | ((wide >> 12n) & ~0xffn);
  return { major: Number(major), minor: Number(minor & 0xffffffffn) };
}

const RATES = {
  blkioWeightDevice: '--blkio-weight-device',
  readBps: '--device-read-bps',
  writeBps: '--device-write-bps',
  readIops: '--device-read-iops',
  writeIops: '--device-write-iops',
} as const;

function ratesOf(resources: Resources): Partial<Record<keyof typeof RATES, DeviceRate[]>> {
  const found: Partial<Record<keyof typeof RATES, DeviceRate[]>> = {};
  for (const [field, flag] of Object.entries(RATES) as [keyof typeof RATES, string][]) {
    const list: readonly RateSpec[] | undefined = resources[field];
    if (list !== undefined) found[field] = list.map((rate) => ({ ...rate, ...blockDevice(flag, rate.path) }));
  }
  return found;
}

function inRange(flag: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  throw badInput(`${flag} ${value} is not between ${least} and ${most}`, {
    subject: flag,
    remedy: `give a whole number between ${least} and ${most}`,
  });
}

function checkMemory(resources: Resources, minBytes: number): void {
  const { memoryBytes, memorySwapBytes: swap, memoryReservationBytes: reservation } = resources;
  const refuse = (flag: string, why: string, remedy: string): never => {
    throw badInput(`${flag}: ${why}`, { subject: flag, remedy });
  };
  if (memoryBytes !== undefined && memoryBytes < minBytes)
    refuse(
      '-m',
      `${memoryBytes} bytes are too little: a container starts with ${minBytes / 1024}k at least`,
      `give at least ${minBytes / 1024}k`,
    );
  if (swap !== undefined && swap !== -1) {
    if (memoryBytes === undefined)
      refuse('--memory-swap', 'it is memory and swap together, and there is no -m', 'give -m too');
    else if (swap < memoryBytes)
      refuse(
        '--memory-swap',
        `${swap} bytes of memory and swap are less than -m, ${memoryBytes} bytes, of memory alone`,
        'give as much as -m, for no swap, or more',
      );
  }
  if (reservation !== undefined && memoryBytes !== undefined && reservation > memoryBytes)
    refuse('--memory-reservation', 'it is more than the limit of -m', 'give less than -m');
  inRange('--memory-swappiness', resources.memorySwappiness, 0, 100);
}

/** The least that is taken: a busybox container needs about as much, and below it the shim itself does not fit. */
export const MIN_MEMORY_BYTES = 512 * 1024;

/**
 * Limits, checked against the host; block devices by their numbers. Throws BAD_INPUT, NO_DEVICE. That a controller is
 * missing shows when the plan is made.
 */
export function limitsOf(core: Core, resources: Resources): RecordedResources {
  checkMemory(resources, MIN_MEMORY_BYTES);
  inRange('--cpu-shares', resources.cpuShares, 2, 262_144);
  inRange('--cpu-period', resources.cpuPeriodUs, 1000, 1_000_000);
  inRange('--cpu-quota', resources.cpuQuotaUs, 1000, Number.MAX_SAFE_INTEGER);
  inRange('--blkio-weight', resources.blkioWeight, 10, 1000);
  inRange('--pids-limit', resources.pidsLimit, 1, 4_194_304);
  const facts = core.cgroupFacts();
  const cores = facts.cpus || `0-${builtin('node:os').cpus().length - 1}`;
  if (resources.cpusetCpus !== undefined) checkList('--cpuset-cpus', 'core', resources.cpusetCpus, cores);
  if (resources.cpusetMems !== undefined)
    checkList('--cpuset-mems', 'memory node', resources.cpusetMems, facts.mems || '0');
  const { blkioWeightDevice, readBps, writeBps, readIops, writeIops, ...plain } = resources;
  return { ...plain, ...ratesOf({ blkioWeightDevice, readBps, writeBps, readIops, writeIops } as Resources) };
}
