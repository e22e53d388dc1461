import { badInput } from '../base/errors.ts';
import type {
  ContainerSpec,
  DeviceSpec,
  IdMapping,
  IsolationSpec,
  NamespaceChoice,
  Ulimit,
} from '../engine/types.ts';
import { parseNumber } from './limit-values.ts';
import type { Flags } from './parse.ts';
import type { Mutable } from './spec.ts';
import { parseSize } from './values.ts';

function namespace(flag: string, text: string, own: readonly string[] = ['private']): NamespaceChoice {
  if (text === '' || own.includes(text)) return 'private';
  if (text === 'host' || /^container:[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)) return text as NamespaceChoice;
  throw badInput(`${flag} "${text}" is no namespace`, {
    subject: flag,
    remedy: `leave it out for one of its own, or give ${flag} host or ${flag} container:NAME`,
  });
}

/** "/dev/fuse[:/dev/x[:rwm]]"; the second part may be the access too. */
function device(text: string): DeviceSpec {
  const [hostPath = '', second, third, ...more] = text.split(':');
  if (!hostPath.startsWith('/') || more.length > 0)
    throw badInput(`--device "${text}" is no device`, {
      subject: '--device',
      remedy: 'give for example --device /dev/fuse or --device /dev/sda:/dev/disk:r',
    });
  const isAccess = second !== undefined && third === undefined && !second.startsWith('/');
  const path = isAccess ? undefined : second;
  const access = isAccess ? second : third;
  return {
    hostPath,
    ...(path === undefined ? {} : { path }),
    ...(access === undefined ? {} : { access }),
  };
}

function ulimit(text: string): Ulimit {
  const [, name = '', soft = '', hard = soft] = /^([a-z]+)=(-?\d{1,15})(?::(-?\d{1,15}))?$/.exec(text) ?? [];
  if (name !== '') return { name, soft: Number(soft), hard: Number(hard) };
  throw badInput(`--ulimit "${text}" is no limit`, {
    subject: '--ulimit',
    remedy: 'give NAME=SOFT or NAME=SOFT:HARD, for example --ulimit nofile=1024:4096',
  });
}

function sysctls(list: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    list.map((text) => {
      const equals = text.indexOf('=');
      if (equals < 1)
        throw badInput(`--sysctl "${text}" has no value`, {
          subject: '--sysctl',
          remedy: 'give for example --sysctl net.ipv4.ip_forward=1',
        });
      return [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function mapping(flag: string, text: string): IdMapping {
  const [, inside, outside, size = '1'] = /^(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (inside === undefined)
    throw badInput(`${flag} "${text}" is no map`, {
      subject: flag,
      remedy: `give INSIDE:OUTSIDE:SIZE, for example ${flag} 0:100000:65536`,
    });
  return { containerID: Number(inside), hostID: Number(outside), size: Number(size) };
}

function userns(flags: Flags): IsolationSpec['userns'] {
  const text = flags.string('userns');
  const [uids, gids] = [flags.list('uidmap'), flags.list('gidmap')];
  if (uids.length + gids.length > 0) {
    if (text !== undefined)
      throw badInput('--userns and --uidmap set the same', {
        subject: '--userns',
        remedy: 'give only one of them',
      });
    const users = uids.map((line) => mapping('--uidmap', line));
    const groups = gids.map((line) => mapping('--gidmap', line));
    return { uids: users.length > 0 ? users : groups, gids: groups.length > 0 ? groups : users };
  }
  if (text === undefined || text === '' || text === 'host') return text === undefined ? undefined : 'host';
  if (text === 'auto') return 'auto';
  const [, size] = /^auto:size=(\d+)$/.exec(text) ?? [];
  if (size !== undefined) return { auto: parseNumber('--userns auto:size', size, 1, 65_536) };
  const lines = text.replace(/^map:/, '').split(',');
  if (!lines.every((line) => /^\d+:\d+(:\d+)?$/.test(line)))
    throw badInput(`--userns "${text}" is no user namespace`, {
      subject: '--userns',
      remedy: 'give auto, host, or a map INSIDE:OUTSIDE:SIZE, for example --userns 0:100000:65536',
    });
  const map = lines.map((line) => mapping('--userns', line));
  return { uids: map, gids: map };
}

/** What sets the container apart from the usual one. Throws BAD_INPUT. */
export function isolationFromFlags(flags: Flags): Partial<ContainerSpec> {
  const spec: Partial<Mutable<ContainerSpec>> = {};
  if (flags.bool('privileged')) spec.privileged = true;
  if (flags.has('device')) spec.devices = flags.list('device').map(device);
  if (flags.has('device-cgroup-rule')) spec.deviceCgroupRules = flags.list('device-cgroup-rule');
  flags.take('pid', (text, flag) => (spec.pid = namespace(flag, text)));
  flags.take('ipc', (text, flag) => (spec.ipc = namespace(flag, text, ['private', 'shareable'])));
  flags.take('uts', (text, flag) => (spec.uts = namespace(flag, text)));
  flags.take('cgroupns', (text, flag) => (spec.cgroupns = namespace(flag, text)));
  const users = userns(flags);
  if (users !== undefined) spec.userns = users;
  if (flags.has('group-add')) spec.groupAdd = flags.list('group-add');
  flags.take('shm-size', (text, flag) => (spec.shmSizeBytes = parseSize(flag, text)));
  if (flags.has('ulimit')) spec.ulimits = flags.list('ulimit').map(ulimit);
  if (flags.has('sysctl')) spec.sysctls = sysctls(flags.list('sysctl'));
  flags.take('oom-score-adj', (text, flag) => (spec.oomScoreAdj = parseNumber(flag, text, -1000, 1000)));
  flags.take('domainname', (text) => (spec.domainname = text));
  return spec;
}
