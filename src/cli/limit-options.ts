import { badInput } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import type { ContainerSpec, Resources } from '../engine/types.ts';
import type { Flags } from './parse.ts';
import type { Mutable, OptionSpec } from './spec.ts';
import * as values from './values.ts';

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
  {
    name: 'cpuset-cpus',
    also: ['cpuset'],
    value: 'string',
    placeholder: 'LIST',
    help: 'the cores it may run on: 0-1,3 (default: all)',
  },
  {
    name: 'pids-limit',
    value: 'string',
    placeholder: 'N',
    help: 'most processes at a time; -1: no limit (default)',
  },
];

const coreCount = (): number => builtin('node:os').cpus().length;

function resourcesFromFlags(flags: Flags): Resources {
  const resources: Mutable<Resources> = {};
  const memory = flags.string('memory');
  if (memory !== undefined) resources.memoryBytes = values.parseMemory(flags.spelling('memory'), memory);
  const percent = flags.string('cpu');
  const cores = flags.string('cpus');
  if (percent !== undefined && cores !== undefined) {
    throw badInput('-cpu and --cpus set the same limit', {
      subject: '--cpus',
      remedy: 'give only one of them',
    });
  }
  if (percent !== undefined)
    resources.cpuQuotaUs = values.parseCpuPercent(flags.spelling('cpu'), percent, coreCount());
  if (cores !== undefined)
    resources.cpuQuotaUs = values.parseCpus(flags.spelling('cpus'), cores, coreCount());
  const cpuset = flags.string('cpuset-cpus');
  if (cpuset !== undefined) resources.cpusetCpus = values.parseCpuset(flags.spelling('cpuset-cpus'), cpuset);
  const pids = flags.string('pids-limit');
  const pidsLimit = pids === undefined ? undefined : values.parsePidsLimit('--pids-limit', pids);
  if (pidsLimit !== undefined) resources.pidsLimit = pidsLimit;
  return resources;
}

/** Limits. Throws BAD_INPUT. */
export function limitsFromFlags(flags: Flags): Pick<ContainerSpec, 'resources'> {
  const resources = resourcesFromFlags(flags);
  return Object.keys(resources).length === 0 ? {} : { resources };
}
