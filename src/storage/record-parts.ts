export type Check = (value: unknown) => boolean;

export const text: Check = (value) => typeof value === 'string';
export const number: Check = (value) => typeof value === 'number';
export const flag: Check = (value) => typeof value === 'boolean';
export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function has(value: unknown, fields: Readonly<Record<string, Check>>): boolean {
  if (!isObject(value)) return false;
  for (const name in fields) if (fields[name]?.(value[name]) !== true) return false;
  return true;
}

const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string);
const is =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    has(value, fields);

const isMaps = is({
  uids: listOf(is({ containerID: number, hostID: number, size: number })),
  gids: listOf(is({ containerID: number, hostID: number, size: number })),
});

const MOUNTS: Readonly<Record<string, Check>> = {
  bind: is({
    source: text,
    recursive: optional(oneOf('enabled', 'disabled', 'writable', 'readonly')),
    propagation: optional(oneOf('private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared')),
    idmap: optional((value) => value === true || isMaps(value)),
  }),
  tmpfs: is({ sizeBytes: optional(number), mode: optional(number), options: optional(listOf(text)) }),
  volume: is({ name: text, anonymous: optional(flag), noCopy: optional(flag), subpath: optional(text) }),
  image: is({ image: text, imageId: text, layers: listOf(text), subpath: optional(text) }),
};

export const isMount: Check = (value) =>
  has(value, { type: text, target: text, readOnly: flag }) &&
  MOUNTS[(value as { type: string }).type]?.(value) === true;

const rates = optional(listOf(is({ path: text, major: number, minor: number, rate: number })));

export const isResources = is({
  memoryBytes: optional(number),
  memorySwapBytes: optional(number),
  memoryReservationBytes: optional(number),
  memorySwappiness: optional(number),
  oomKillDisable: optional(flag),
  cpuQuotaUs: optional(number),
  cpuPeriodUs: optional(number),
  cpuShares: optional(number),
  cpusetCpus: optional(text),
  cpusetMems: optional(text),
  pidsLimit: optional(number),
  blkioWeight: optional(number),
  blkioWeightDevice: rates,
  readBps: rates,
  writeBps: rates,
  readIops: rates,
  writeIops: rates,
});

const shared = optional((value) => value === 'host' || /^container:[0-9a-f]{64}$/.test(String(value)));

export const isIsolation = is({
  privileged: optional(flag),
  pid: shared,
  ipc: shared,
  uts: shared,
  cgroupns: shared,
  users: optional(isMaps),
  userBlock: optional(number),
  devices: optional(
    listOf(
      is({
        path: text,
        hostPath: text,
        type: oneOf('b', 'c'),
        major: number,
        minor: number,
        fileMode: number,
        uid: number,
        gid: number,
        access: text,
      }),
    ),
  ),
  deviceRules: optional(
    listOf(
      is({ type: oneOf('a', 'b', 'c'), major: optional(number), minor: optional(number), access: text }),
    ),
  ),
  sysctls: optional((value) => isObject(value) && Object.values(value).every(text)),
  ulimits: optional(listOf(is({ name: text, soft: number, hard: number }))),
  oomScoreAdj: optional(number),
  groupAdd: optional(listOf(text)),
  shmBytes: optional(number),
  cgroupParent: optional(text),
  domainname: optional(text),
  openPaths: optional(flag),
});
