import { readFileSync } from 'node:fs';
import { badInput, MydockerError } from '../base/index.ts';
import { RLIMITS } from '../runtime/index.ts';
import {
  findContainer,
  type IdMaps,
  type RecordedIsolation,
  type SharedNamespace,
  type Ulimit,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { deviceRule, devicesOf, hostDevices } from './devices.ts';
import { checkSysctls, sharedNetwork } from './sysctls.ts';
import type { ContainerSpec, NamespaceChoice } from './types.ts';

const CAP_SYS_RESOURCE = 24n;

function refuse(flag: string, why: string, remedy: string): never {
  throw badInput(`${flag}: ${why}`, { subject: flag, remedy });
}

/** "container:NAME" by the id; undefined for a namespace of its own. Throws NO_SUCH_CONTAINER. */
function shared(core: Core, flag: string, choice: NamespaceChoice | undefined): SharedNamespace | undefined {
  if (choice === undefined || choice === 'private') return undefined;
  if (choice === 'host') return 'host';
  const name = choice.slice('container:'.length);
  if (!choice.startsWith('container:') || name === '')
    refuse(flag, `"${choice}" is no namespace`, `give ${flag} host, or ${flag} container:NAME`);
  return `container:${findContainer(core.paths, name)}`;
}

/** Systems with systemd keep these for containers: UIDS-GIDS, "Container UID ranges". */
const FIRST_ID = 524_288;
const LAST_ID = 1_879_048_191;
export const BLOCK_IDS = 65_536;
export const BLOCKS = Math.floor((LAST_ID + 1 - FIRST_ID) / BLOCK_IDS);
const MOST_IDS = 4_294_967_294;
/** A map has no more lines: user_namespaces(7). */
const MOST_LINES = 340;

/** The map of a block of ids. */
export function blockMaps(block: number, size: number): IdMaps {
  const map = [{ containerID: 0, hostID: FIRST_ID + block * BLOCK_IDS, size }];
  return { uids: map, gids: map };
}

function checkMap(kind: 'users' | 'groups', maps: IdMaps): void {
  const list = kind === 'users' ? maps.uids : maps.gids;
  const whole = (n: number): boolean => Number.isInteger(n) && n >= 0 && n <= MOST_IDS;
  if (list.length === 0 || list.length > MOST_LINES)
    refuse('--userns', `a map of ${list.length} lines for ${kind}`, `give between 1 and ${MOST_LINES}`);
  for (const { containerID, hostID, size } of list) {
    if (
      !whole(containerID) ||
      !whole(hostID) ||
      size < 1 ||
      !whole(containerID + size - 1) ||
      !whole(hostID + size - 1)
    )
      refuse(
        '--userns',
        `"${containerID}:${hostID}:${size}" is no map of ${kind}`,
        'give CONTAINER:HOST:SIZE, for example 0:100000:65536',
      );
  }
  for (const side of ['containerID', 'hostID'] as const) {
    const sorted = [...list].sort((a, b) => a[side] - b[side]);
    const twice = sorted.find(
      (m, i) => i > 0 && m[side] < (sorted[i - 1]?.[side] ?? 0) + (sorted[i - 1]?.size ?? 0),
    );
    if (twice !== undefined)
      refuse('--userns', `${kind} ${twice[side]} and on are mapped twice`, 'let the lines not overlap');
  }
  if (!list.some((m) => m.containerID === 0))
    refuse('--userns', `no line maps 0, root of the container, for ${kind}`, 'begin with 0:100000:65536');
}

function usersOf(spec: ContainerSpec): Pick<RecordedIsolation, 'users' | 'userBlock'> {
  const { userns } = spec;
  if (userns === undefined || userns === 'host') return {};
  const clash = (['pid', 'ipc', 'uts'] as const).find((ns) => (spec[ns] ?? 'private') !== 'private');
  if (spec.privileged === true)
    refuse('--userns', 'with --privileged it would have every right over nothing', 'leave one of them out');
  if (clash !== undefined || sharedNetwork(spec) !== undefined)
    refuse(
      '--userns',
      `users of its own have no rights over the ${clash ?? 'network'} namespace of others`,
      `leave out --${clash ?? 'network'}`,
    );
  if (userns === 'auto' || 'auto' in userns) {
    const size = userns === 'auto' ? BLOCK_IDS : userns.auto;
    if (!Number.isInteger(size) || size < 1 || size > BLOCK_IDS)
      refuse('--userns auto', `size ${size} is not between 1 and ${BLOCK_IDS}`, `give at most ${BLOCK_IDS}`);
    // Which block shows when the container is made; -1 stands for that.
    return { users: blockMaps(0, size), userBlock: -1 };
  }
  checkMap('users', userns);
  checkMap('groups', userns);
  return { users: userns };
}

/** The lines of /proc/self/limits, proc(5), in the order of the resources' numbers. */
const LIMIT_LABELS =
  'cpu time|file size|data size|stack size|core file size|resident set|processes|open files|locked memory|address space|file locks|pending signals|msgqueue size|nice priority|realtime priority|realtime timeout'.split(
    '|',
  );

function hardLimit(name: string): number {
  const label = LIMIT_LABELS[RLIMITS.indexOf(name.toUpperCase())] ?? '';
  const line = readFileSync('/proc/self/limits', 'latin1')
    .split('\n')
    .find((text) => text.startsWith(`Max ${label} `));
  const hard = line?.slice(26).trim().split(/\s+/)[1] ?? 'unlimited';
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}

function mayRaise(): boolean {
  const status = readFileSync('/proc/self/status', 'latin1');
  const mask = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return ((mask >> CAP_SYS_RESOURCE) & 1n) === 1n;
}

function checkUlimits(ulimits: readonly Ulimit[]): void {
  for (const { name, soft, hard } of ulimits) {
    const flag = `--ulimit ${name}`;
    if (!RLIMITS.includes(name.toUpperCase()))
      refuse(flag, 'there is no such limit', `there are ${RLIMITS.map((n) => n.toLowerCase()).join(', ')}`);
    const value = (n: number): number => (n === -1 ? Number.POSITIVE_INFINITY : n);
    for (const n of [soft, hard])
      if (!Number.isInteger(n) || n < -1)
        refuse(flag, `${n} is no limit`, 'give a whole number, or -1 for none');
    if (value(soft) > value(hard))
      refuse(
        flag,
        `the soft limit ${soft} is above the hard one, ${hard}`,
        'give SOFT:HARD, for example 1024:4096',
      );
    if (process.geteuid?.() !== 0 || mayRaise()) continue;
    const own = hardLimit(name);
    if (value(hard) > own)
      throw new MydockerError(
        'ULIMIT_TOO_HIGH',
        `${flag}: ${hard} is above ${own}, the hard limit of mydocker itself, which lacks CAP_SYS_RESOURCE to raise it`,
        { subject: name, remedy: `give at most ${own}, or run mydocker where its own limit is higher` },
      );
  }
}

function checkNames(spec: ContainerSpec): void {
  if (spec.uts !== undefined && spec.uts !== 'private' && (spec.hostname ?? spec.domainname) !== undefined)
    refuse('--hostname', `the uts namespace is not its own (--uts ${spec.uts})`, 'leave one of them out');
  if (spec.ipc !== undefined && spec.ipc !== 'private' && spec.shmSizeBytes !== undefined)
    refuse('--shm-size', `/dev/shm is not its own (--ipc ${spec.ipc})`, 'leave one of them out');
  if (spec.shmSizeBytes !== undefined && !(spec.shmSizeBytes > 0))
    refuse('--shm-size', `${spec.shmSizeBytes} is no size`, 'give for example 64m');
  const score = spec.oomScoreAdj;
  if (score !== undefined && !(Number.isInteger(score) && score >= -1000 && score <= 1000))
    refuse('--oom-score-adj', `${score} is not between -1000 and 1000`, 'give a whole number between them');
  const parent = spec.cgroupParent;
  if (
    parent !== undefined &&
    (!/^\/?[^/\0]+(\/[^/\0]+)*\/?$/.test(parent) || parent.split('/').includes('..'))
  )
    refuse('--cgroup-parent', `"${parent}" is no path of a cgroup`, 'give for example /mydocker/batch');
  for (const group of spec.groupAdd ?? [])
    if (!/^[^:\s]+$/.test(group)) refuse('--group-add', `"${group}" is no group`, 'give a name or a number');
}

/** What of a spec is not as usual, checked. Throws BAD_INPUT, NO_DEVICE, NO_SUCH_CONTAINER, ULIMIT_TOO_HIGH. */
export function isolationOf(core: Core, spec: ContainerSpec): RecordedIsolation {
  checkNames(spec);
  checkUlimits(spec.ulimits ?? []);
  checkSysctls(spec);
  const own = {
    pid: shared(core, '--pid', spec.pid),
    ipc: shared(core, '--ipc', spec.ipc),
    uts: shared(core, '--uts', spec.uts),
    cgroupns: shared(core, '--cgroupns', spec.cgroupns),
    privileged: spec.privileged === true ? true : undefined,
    openPaths: spec.openPaths === true ? true : undefined,
    devices: spec.privileged === true ? hostDevices(spec.devices ?? []) : devicesOf(spec.devices),
    deviceRules: spec.deviceCgroupRules?.map(deviceRule),
    sysctls: spec.sysctls === undefined ? undefined : { ...spec.sysctls },
    ulimits: spec.ulimits === undefined ? undefined : [...spec.ulimits],
    oomScoreAdj: spec.oomScoreAdj,
    groupAdd: spec.groupAdd === undefined ? undefined : [...spec.groupAdd],
    shmBytes: spec.shmSizeBytes,
    cgroupParent: spec.cgroupParent?.replace(/^\/+|\/+$/g, ''),
    domainname: spec.domainname,
    ...usersOf(spec),
  };
  return Object.fromEntries(
    Object.entries(own).filter(([, value]) => value !== undefined),
  ) as RecordedIsolation;
}
