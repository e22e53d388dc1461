import { badInput } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import type { ContainerSpec, MountSpec, Resources } from '../engine/types.ts';
import { parseEnv, parseLabels, readEnvFile } from './env.ts';
import { parseMount, parseTmpfs, parseVolume } from './mounts.ts';
import type { Flags } from './parse.ts';
import { SECURITY_OPTIONS, securityFromFlags } from './security-options.ts';
import { checkSignal } from './signals.ts';
import type { OptionSpec } from './spec.ts';
import * as values from './values.ts';

/** `--detach-keys`, shared by everything that attaches a terminal. */
export const DETACH_KEYS: OptionSpec = {
  name: 'detach-keys',
  value: 'string',
  placeholder: 'KEYS',
  help: 'keys that leave the terminal and let the program run on (default ctrl-p,ctrl-q)',
};

/** What every program takes that is started in a container, by `run` or by `exec`. */
export const PROCESS_OPTIONS: readonly OptionSpec[] = [
  { name: 'interactive', short: 'i', help: 'keep standard input open' },
  { name: 'tty', short: 't', help: 'give the program a terminal' },
  {
    name: 'env',
    short: 'e',
    value: 'list',
    placeholder: 'K=V',
    help: 'set a variable; K alone passes the value of the caller on',
  },
  {
    name: 'env-file',
    value: 'list',
    placeholder: 'FILE',
    help: 'read variables from a file, one K=V a line',
  },
  {
    name: 'workdir',
    short: 'w',
    value: 'string',
    placeholder: 'DIR',
    help: 'working directory in the container',
  },
  {
    name: 'user',
    short: 'u',
    value: 'string',
    placeholder: 'USER[:GROUP]',
    help: 'user by name or number (default: as the image or container says)',
  },
];

/** What `run`, `create` and `explain` have in common. */
export const CREATE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'name',
    value: 'string',
    placeholder: 'NAME',
    help: 'name of the container (default: one is made up)',
  },
  { name: 'rm', help: 'remove the container when its program ends' },
  ...PROCESS_OPTIONS,
  {
    name: 'volume',
    short: 'v',
    value: 'list',
    placeholder: 'SRC:DST[:ro]',
    help: 'mount a host file or directory in the container',
  },
  {
    name: 'mount',
    value: 'list',
    placeholder: 'FIELDS',
    help: 'type=bind|tmpfs,source=…,target=…,readonly,tmpfs-size=…,tmpfs-mode=…',
  },
  {
    name: 'tmpfs',
    value: 'list',
    placeholder: 'DST[:OPTIONS]',
    help: 'an empty file system in memory: /run:size=64m,mode=1777',
  },
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
  {
    name: 'hostname',
    short: 'h',
    value: 'string',
    placeholder: 'NAME',
    help: 'host name (default: the short id)',
  },
  {
    name: 'entrypoint',
    value: 'string',
    placeholder: 'PROGRAM',
    help: 'replaces the entry point of the image; "" clears it',
  },
  { name: 'init', help: 'run a tiny init as process 1: passes signals on, reaps processes' },
  ...SECURITY_OPTIONS,
  { name: 'read-only', help: 'root file system read-only' },
  { name: 'label', short: 'l', value: 'list', placeholder: 'K=V', help: 'a label, kept with the container' },
  {
    name: 'cidfile',
    value: 'string',
    placeholder: 'FILE',
    help: 'write the id of the container to this new file',
  },
  {
    name: 'stop-signal',
    value: 'string',
    placeholder: 'SIGNAL',
    help: 'what stop sends first (default: the image says, else SIGTERM)',
  },
  {
    name: 'stop-timeout',
    value: 'string',
    placeholder: 'SECONDS',
    help: 'seconds stop waits before SIGKILL (default 10)',
  },
  {
    name: 'network',
    also: ['net'],
    value: 'string',
    placeholder: 'none|host',
    help: 'none: loopback only (default); host: that of the host',
  },
  {
    name: 'pull',
    value: 'string',
    placeholder: 'WHEN',
    help: 'fetch the image first: always, missing (default) or never',
  },
  {
    name: 'platform',
    value: 'string',
    placeholder: 'OS/ARCH',
    help: 'when it is fetched: the image for another machine',
  },
  { name: 'publish', short: 'p', value: 'list', placeholder: 'PORTS', help: 'not there yet', hidden: true },
];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The container the options describe, without image and command. Reads `--env-file`s; throws BAD_INPUT. */
export function specFromFlags(flags: Flags): Mutable<ContainerSpec> {
  const spec: Mutable<ContainerSpec> = {};
  const take = (flag: string, set: (text: string, flag: string) => void): void => {
    const text = flags.string(flag);
    if (text !== undefined) set(text, flags.spelling(flag));
  };
  if (flags.has('publish')) {
    throw badInput('-p: published ports are not there yet', {
      subject: '-p',
      remedy: 'leave -p out and use --network host to reach the program on the host',
    });
  }
  take('name', (text, flag) => (spec.name = values.parseName(flag, text)));
  take('workdir', (text, flag) => (spec.workdir = values.parseWorkdir(flag, text)));
  take('user', (text, flag) => (spec.user = checkUser(flag, text)));
  take('hostname', (text, flag) => (spec.hostname = values.parseHostname(flag, text)));
  take('entrypoint', (text) => (spec.entrypoint = text === '' ? [] : [text]));
  take('stop-signal', (text, flag) => (spec.stopSignal = checkSignal(flag, text)));
  take('stop-timeout', (text, flag) => (spec.stopTimeoutS = values.parseSeconds(flag, text, true)));
  take('network', (text, flag) => (spec.network = values.parseNetwork(flag, text)));
  if (flags.bool('tty')) spec.tty = true;
  if (flags.bool('interactive')) spec.stdin = true;
  if (flags.bool('init')) spec.init = true;
  if (flags.bool('read-only')) spec.readOnly = true;
  if (flags.bool('rm')) spec.autoRemove = true;
  const env = envFromFlags(flags);
  if (env.length > 0) spec.env = env;
  if (flags.has('label')) spec.labels = parseLabels('--label', flags.list('label'));
  const mounts = mountsFromFlags(flags);
  if (mounts.length > 0) spec.mounts = mounts;
  const resources = resourcesFromFlags(flags);
  if (Object.keys(resources).length > 0) spec.resources = resources;
  return Object.assign(spec, securityFromFlags(flags));
}

/** `--env-file`s first, then `-e`, which wins; also used by `exec`. */
export function envFromFlags(flags: Flags): string[] {
  const fromFiles = flags.list('env-file').flatMap((path) => readEnvFile(path, process.env));
  return [...fromFiles, ...parseEnv('-e', flags.list('env'), process.env)];
}

function checkUser(flag: string, text: string): string {
  if (/^[^:\s]+(:[^:\s]+)?$/.test(text)) return text;
  throw badInput(`${flag} "${text}" is no user`, {
    subject: flag,
    remedy: `give for example ${flag} nobody or ${flag} 1000:1000`,
  });
}

function mountsFromFlags(flags: Flags): MountSpec[] {
  const mounts = [
    ...flags.list('volume').map((text) => parseVolume('-v', text)),
    ...flags.list('mount').map((text) => parseMount('--mount', text)),
    ...flags.list('tmpfs').map((text) => parseTmpfs('--tmpfs', text)),
  ];
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) {
      throw badInput(`two mounts have the same container path ${target}`, {
        subject: target,
        remedy: 'leave one of them out',
      });
    }
    targets.add(target);
  }
  return mounts;
}

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
