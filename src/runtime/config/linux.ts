/** The "linux" object of config.json (config-linux.md). */
import { numberList } from './number-list.ts';
import {
  absolute,
  anything,
  boolean,
  type Check,
  type Checked,
  int64,
  integer,
  list,
  object,
  oneOf,
  opt,
  record,
  string,
  text,
  uint32,
  uint64,
} from './schema.ts';

/** A line of a user namespace's map; for a mount too. */
export const idMapping = object({ containerID: uint32, hostID: uint32, size: uint32 });
const uint16 = integer(0, 65535);
const throttle = opt(list(object({ major: int64, minor: int64, rate: uint64 })));

/** Docker writes "" for a device rule of all kinds. */
const ruleType: Check<'a' | 'b' | 'c'> = (value, at, problems) =>
  value === '' ? 'a' : oneOf('a', 'b', 'c')(value, at, problems);

const access: Check<string> = (value, at, problems) => {
  const letters = string(value, at, problems);
  if (letters === undefined || /^[rwm]{0,3}$/.test(letters)) return letters;
  problems.push({ at, why: `is "${letters}", must be made of r, w and m` });
  return undefined;
};

export const resources = object({
  devices: opt(
    list(
      object({
        allow: boolean,
        type: opt(ruleType),
        major: opt(int64),
        minor: opt(int64),
        access: opt(access),
      }),
    ),
  ),
  memory: opt(
    object({
      limit: opt(int64),
      reservation: opt(int64),
      swap: opt(int64),
      kernel: opt(int64),
      kernelTCP: opt(int64),
      swappiness: opt(integer(0, 100)),
      disableOOMKiller: opt(boolean),
      useHierarchy: opt(boolean),
      checkBeforeUpdate: opt(boolean),
    }),
  ),
  cpu: opt(
    object({
      shares: opt(uint64),
      quota: opt(int64),
      burst: opt(uint64),
      period: opt(uint64),
      realtimeRuntime: opt(int64),
      realtimePeriod: opt(uint64),
      cpus: opt(string),
      mems: opt(string),
      idle: opt(int64),
    }),
  ),
  pids: opt(object({ limit: opt(int64) })),
  blockIO: opt(
    object({
      weight: opt(uint16),
      leafWeight: opt(uint16),
      weightDevice: opt(
        list(object({ major: int64, minor: int64, weight: opt(uint16), leafWeight: opt(uint16) })),
      ),
      throttleReadBpsDevice: throttle,
      throttleWriteBpsDevice: throttle,
      throttleReadIOPSDevice: throttle,
      throttleWriteIOPSDevice: throttle,
    }),
  ),
  hugepageLimits: opt(list(object({ pageSize: string, limit: uint64 }))),
  network: opt(
    object({ classID: opt(uint32), priorities: opt(list(object({ name: string, priority: uint32 }))) }),
  ),
  rdma: opt(record(object({ hcaHandles: opt(uint32), hcaObjects: opt(uint32) }))),
  unified: opt(record(string)),
});

export const NAMESPACE_TYPES = ['pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'] as const;

/** In the kernel's order: linux/mempolicy.h. */
export const MEMORY_MODES = [
  ...(['MPOL_DEFAULT', 'MPOL_PREFERRED', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_LOCAL'] as const),
  ...(['MPOL_PREFERRED_MANY', 'MPOL_WEIGHTED_INTERLEAVE'] as const),
] as const;
export const MEMORY_FLAGS = [
  'MPOL_F_NUMA_BALANCING',
  'MPOL_F_RELATIVE_NODES',
  'MPOL_F_STATIC_NODES',
] as const;

export const linux = object({
  namespaces: opt(list(object({ type: oneOf(...NAMESPACE_TYPES), path: opt(string) }))),
  uidMappings: opt(list(idMapping)),
  gidMappings: opt(list(idMapping)),
  timeOffsets: opt(record(object({ secs: opt(int64), nanosecs: opt(uint32) }))),
  devices: opt(
    list(
      object({
        type: oneOf('c', 'b', 'u', 'p'),
        path: absolute,
        major: opt(int64),
        minor: opt(int64),
        fileMode: opt(uint32),
        uid: opt(uint32),
        gid: opt(uint32),
      }),
    ),
  ),
  cgroupsPath: opt(string),
  resources: opt(resources),
  intelRdt: opt(anything),
  memoryPolicy: opt(
    object({
      mode: oneOf(...MEMORY_MODES),
      nodes: opt(numberList),
      flags: opt(list(oneOf(...MEMORY_FLAGS))),
    }),
  ),
  netDevices: opt(anything),
  sysctl: opt(record(string)),
  seccomp: opt(anything),
  rootfsPropagation: opt(string),
  maskedPaths: opt(list(string)),
  readonlyPaths: opt(list(string)),
  mountLabel: opt(string),
  personality: opt(object({ domain: text, flags: opt(list(string)) })),
});

export type Resources = Checked<typeof resources>;
