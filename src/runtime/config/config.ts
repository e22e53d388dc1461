/**
 * config.json of the OCI runtime specification, as far as it concerns Linux: config.md and config-linux.md, 1.0 to 1.3.
 * Field names are the specification's.
 */
import { idMapping, linux } from './linux.ts';
import { numberList } from './number-list.ts';
import {
  absolute,
  boolean,
  type Checked,
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

const user = object({
  uid: uint32,
  gid: uint32,
  umask: opt(integer(0, 0o7777)),
  additionalGids: opt(list(uint32)),
});

const capabilitySet = opt(list(string));

export const process = object({
  terminal: opt(boolean),
  consoleSize: opt(object({ height: integer(0, 65535), width: integer(0, 65535) })),
  user,
  args: opt(list(string)),
  env: opt(list(string)),
  cwd: absolute,
  capabilities: opt(
    object({
      bounding: capabilitySet,
      effective: capabilitySet,
      inheritable: capabilitySet,
      permitted: capabilitySet,
      ambient: capabilitySet,
    }),
  ),
  rlimits: opt(list(object({ type: string, hard: uint64, soft: uint64 }))),
  noNewPrivileges: opt(boolean),
  apparmorProfile: opt(string),
  oomScoreAdj: opt(integer(-1000, 1000)),
  selinuxLabel: opt(string),
  scheduler: opt(
    object({
      policy: oneOf(
        'SCHED_OTHER',
        'SCHED_FIFO',
        'SCHED_RR',
        'SCHED_BATCH',
        'SCHED_ISO',
        'SCHED_IDLE',
        'SCHED_DEADLINE',
      ),
      nice: opt(integer(-20, 19)),
      priority: opt(integer(0, 99)),
      flags: opt(list(string)),
      runtime: opt(uint64),
      deadline: opt(uint64),
      period: opt(uint64),
    }),
  ),
  ioPriority: opt(
    object({
      class: oneOf('IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'),
      priority: opt(integer(0, 7)),
    }),
  ),
  execCPUAffinity: opt(object({ initial: opt(numberList), final: opt(numberList) })),
});

const mount = object({
  destination: string,
  type: opt(string),
  source: opt(string),
  options: opt(list(string)),
  uidMappings: opt(list(idMapping)),
  gidMappings: opt(list(idMapping)),
});

const hook = object({
  path: absolute,
  args: opt(list(string)),
  env: opt(list(string)),
  timeout: opt(integer(1, 4_000_000)),
});
const hooks = opt(list(hook));

export const config = object({
  ociVersion: string,
  root: object({ path: text, readonly: opt(boolean) }),
  mounts: opt(list(mount)),
  process: opt(process),
  hostname: opt(string),
  domainname: opt(string),
  hooks: opt(
    object({
      prestart: hooks,
      createRuntime: hooks,
      createContainer: hooks,
      startContainer: hooks,
      poststart: hooks,
      poststop: hooks,
    }),
  ),
  annotations: opt(record(string)),
  linux: opt(linux),
});

export type Config = Checked<typeof config>;
export type ConfigProcess = Checked<typeof process>;
export type ConfigMount = Checked<typeof mount>;
export type ConfigHook = Checked<typeof hook>;
export type ConfigLinux = Checked<typeof linux>;
export type HookKind = keyof NonNullable<Config['hooks']>;
export type IdMapping = Checked<typeof idMapping>;
