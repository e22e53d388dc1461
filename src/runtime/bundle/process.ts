import type { Action, StepNotes } from '../../plan/index.ts';
import type { ConfigProcess } from '../config/config.ts';
import { capabilityMask, RLIMITS } from '../constants.ts';

type Noted = Action & StepNotes;

const POLICIES: Readonly<Record<string, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};
const SCHED_FLAGS: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 1,
  SCHED_FLAG_RECLAIM: 2,
  SCHED_FLAG_DL_OVERRUN: 4,
  SCHED_FLAG_KEEP_POLICY: 8,
  SCHED_FLAG_KEEP_PARAMS: 16,
  SCHED_FLAG_UTIL_CLAMP_MIN: 32,
  SCHED_FLAG_UTIL_CLAMP_MAX: 64,
};
const IO_CLASSES = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 } as const;

/** process.oomScoreAdj, before the process leaves the caller: nothing where it is not given. */
export function oomScore(score: number | undefined): Noted[] {
  if (score === undefined) return [];
  return [
    {
      op: 'write',
      path: '/proc/self/oom_score_adj',
      data: String(score),
      create: 0,
      why: 'process.oomScoreAdj',
    },
  ];
}

/** The five sets of capabilities, as bits; what the host does not grant is left out. */
export interface CapabilitySets {
  bounding: bigint;
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
  ambient: bigint;
}

export function capabilitySets(process: ConfigProcess, held: bigint): CapabilitySets {
  const { capabilities = {} } = process;
  const mask = (names: readonly string[] | undefined): bigint => capabilityMask(names ?? []) & held;
  const bounding = mask(capabilities.bounding);
  const permitted = mask(capabilities.permitted);
  const inheritable = mask(capabilities.inheritable);
  return {
    bounding,
    effective: mask(capabilities.effective) & permitted,
    permitted,
    inheritable,
    // Only what is permitted and inheritable can be ambient: capabilities(7).
    ambient: mask(capabilities.ambient) & permitted & inheritable,
  };
}

function scheduling({ scheduler, ioPriority }: ConfigProcess): Noted[] {
  const list: Noted[] = [];
  if (scheduler !== undefined) {
    let flags = 0;
    for (const name of scheduler.flags ?? []) flags |= SCHED_FLAGS[name] ?? 0;
    list.push({
      op: 'scheduler',
      policy: POLICIES[scheduler.policy] ?? 0,
      flags,
      nice: (scheduler.nice ?? 0) >>> 0,
      priority: scheduler.priority ?? 0,
      runtime: scheduler.runtime ?? 0,
      deadline: scheduler.deadline ?? 0,
      period: scheduler.period ?? 0,
      why: 'how the kernel schedules it',
    });
  }
  if (ioPriority !== undefined)
    list.push({
      op: 'io-priority',
      class: IO_CLASSES[ioPriority.class],
      level: ioPriority.priority ?? 0,
      why: 'its turn at the disk',
    });
  return list;
}

/** RLIM_INFINITY comes as 2^64, rounded: JSON numbers are doubles. */
function limitValue(value: number): bigint {
  const most = (1n << 64n) - 1n;
  const exact = BigInt(value);
  return exact > most ? most : exact;
}

function limits({ rlimits = [] }: ConfigProcess): Noted[] {
  return rlimits.map(({ type, soft, hard }) => ({
    op: 'rlimit',
    resource: RLIMITS.indexOf(type.replace(/^RLIMIT_/, '')),
    soft: limitValue(soft),
    hard: limitValue(hard),
    why: `process.rlimits ${type}`,
  }));
}

function groupBytes(groups: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(groups.length * 4);
  for (const [i, group] of groups.entries()) bytes.writeUInt32LE(group, i * 4);
  return bytes;
}

/** What becoming a user takes, and dropping from the bounding set. */
const BECOME = capabilityMask([
  'CAP_SETUID',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
]);

/** Capabilities and user: bounded first, then the ids, then exactly the sets that were asked for. */
function identity(process: ConfigProcess, held: bigint): Noted[] {
  const sets = capabilitySets(process, held);
  const early = (sets.permitted | sets.inheritable | BECOME) & held;
  const { user } = process;
  return [
    {
      op: 'capabilities',
      ...sets,
      effective: early,
      permitted: early,
      ambient: 0n,
      why: 'what it can ever have; what it takes to become the user stays a moment',
    },
    ...(process.noNewPrivileges === true
      ? [{ op: 'no-new-privs', why: 'setuid programs give nothing' } as Noted]
      : []),
    {
      op: 'set-ids',
      uid: user.uid,
      gid: user.gid,
      groups: groupBytes(user.additionalGids ?? []),
      why: 'groups first: without root they could not be set',
    },
    { op: 'capabilities', ...sets, why: 'exactly these, whoever it is' },
    ...(user.umask === undefined
      ? []
      : [{ op: 'umask', mask: user.umask, why: 'process.user.umask' } as Noted]),
  ];
}

export interface ProgramOptions {
  held: bigint;
  seccomp: Uint8Array | undefined;
  seccompFlags: number;
  /** A new terminal's slave is bound over /dev/console: not for a second process. */
  bindConsole: boolean;
  preserveFds: number;
  goSlot: number;
  saidSlot: number;
  /** Between everything else and execve: waiting for `start`, hooks. */
  late: readonly Noted[];
}

/** The last steps of a process: streams, limits, who it is, what it runs. */
export function processSteps(process: ConfigProcess, options: ProgramOptions): Noted[] {
  const size = process.consoleSize ?? { height: 0, width: 0 };
  const args = process.args ?? [];
  const file = args[0] ?? '';
  const env = process.env ?? [];
  const noNew = process.noNewPrivileges === true;
  const filter: Noted[] =
    options.seccomp === undefined
      ? []
      : [
          {
            op: 'seccomp',
            flags: options.seccompFlags,
            filter: options.seccomp,
            why: noNew
              ? 'the calls a program may make; last, so that it need not allow our own'
              : 'the calls a program may make; while we may still set it: without no_new_privs it takes CAP_SYS_ADMIN',
          },
        ];
  const console: Noted[] =
    process.terminal === true
      ? [
          {
            op: 'console',
            rows: size.height,
            cols: size.width,
            bind: options.bindConsole ? 1 : 0,
            why: 'a terminal of the container’s own devpts; its master goes to the caller',
          },
        ]
      : [];
  return [
    ...console,
    {
      op: 'keep-descriptors',
      count: options.preserveFds,
      goSlot: options.goSlot,
      saidSlot: options.saidSlot,
      why: 'what follows looks at names the container chose: /proc/self/fd must lead nowhere outside',
    },
    {
      op: 'mkdir-all',
      path: process.cwd,
      mode: 0o755,
      ignore: 'EEXIST',
      why: 'a working directory that is missing is made',
    },
    { op: 'chdir', path: process.cwd, why: 'the working directory; one that / does not lead to is refused' },
    ...limits(process),
    ...scheduling(process),
    ...(noNew ? [] : filter),
    ...identity(process, options.held),
    { op: 'find-program', file, env, why: 'a program that is missing is told now, not when it is started' },
    ...options.late,
    ...(noNew ? filter : []),
    { op: 'exec', file, argv: args, env, init: 0, why: 'the program takes over' },
  ];
}
