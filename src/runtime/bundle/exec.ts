import { type Action, NO_SLOT, type Plan, STREAMS, type StepNotes, steps } from '../../plan/index.ts';
import type { CgroupHost } from '../cgroup-host.ts';
import type { Config, ConfigProcess } from '../config/config.ts';
import { maskOf } from '../config/number-list.ts';
import { SIGKILL } from '../constants.ts';
import { leaveCaller } from '../program.ts';
import { NAMESPACE_FLAG } from './namespaces.ts';
import { oomScore, processSteps } from './process.ts';
import { memoryPolicy } from './settings.ts';
import { SLOT } from './slots.ts';

type Noted = Action & StepNotes;

/** Every processor there can be: what the cpuset leaves of it. */
const ALL_CPUS = new Uint8Array(1024).fill(0xff);

/** process.execCPUAffinity, config.md: before the container's cgroup is entered, and after that. */
function affinity({ process, config }: BundleExecInput): { before: Noted[]; after: Noted[] } {
  const { initial, final } = process.execCPUAffinity ?? config.process?.execCPUAffinity ?? {};
  const set = (cpus: Uint8Array, why: string): Noted[] => [{ op: 'cpu-affinity', cpus, why }];
  const before =
    initial === undefined ? [] : set(maskOf(initial), 'execCPUAffinity.initial: where the runtime runs');
  if (final !== undefined)
    return { before, after: set(maskOf(final), 'execCPUAffinity.final: where the program runs') };
  // Since Linux 6.2 a cpuset keeps what was asked for before.
  const back = 'no final affinity: all processors of the container’s cpuset';
  return { before, after: initial === undefined ? [] : set(ALL_CPUS, back) };
}

/** One more process in a bundle's container. */
export interface BundleExecInput {
  config: Config;
  process: ConfigProcess;
  /** Process 1 on the host, with its start time (/proc/PID/stat field 22): a reused pid is refused. */
  pid: number;
  startTicks: number;
  cgroups: CgroupHost;
  cgroupPath: string;
  held: bigint;
  seccomp: Uint8Array | undefined;
  seccompFlags: number;
  consoleSocket: string | undefined;
  pidFile: string | undefined;
  noNewKeyring: boolean;
  preserveFds: number;
  /** The caller waits for its end. */
  stays: boolean;
}

function cgroupJoin({ cgroups, cgroupPath }: BundleExecInput): Noted[] {
  if (cgroups.version === 2) return [];
  return cgroups.v1.map(
    (h): Noted => ({
      op: 'write',
      path: `${h.mount}/${cgroupPath}/tasks`,
      data: '0',
      create: 0,
      why: 'join the container’s cgroup, under its limits',
    }),
  );
}

function hostSteps(input: BundleExecInput): Noted[] {
  const { process, cgroups, cgroupPath, config } = input;
  const list: Noted[] = [
    {
      op: 'open-process',
      pid: input.pid,
      startTicks: input.startTicks,
      slot: SLOT.target,
      why: 'a handle on process 1; refused if the pid is another process by now',
    },
  ];
  if (process.terminal === true)
    list.push(
      input.consoleSocket === undefined
        ? {
            op: 'streams',
            flags: STREAMS.tty | STREAMS.inherit | STREAMS.stdin,
            why: 'a terminal that we pass on',
          }
        : { op: 'console-socket', path: input.consoleSocket, why: 'where its terminal is wanted' },
    );
  if (cgroups.version === 2)
    list.push({
      op: 'open-path',
      path: `${cgroups.v2 ?? ''}/${cgroupPath}`,
      slot: SLOT.cgroup,
      why: 'born in the container’s cgroup',
    });
  if ((config.linux?.namespaces ?? []).some((ns) => ns.type === 'pid'))
    list.push({
      op: 'setns',
      slot: SLOT.target,
      flags: NAMESPACE_FLAG.pid,
      why: 'holds for children only: the next clone is inside',
    });
  list.push(...affinity(input).before, {
    op: 'clone',
    flags: 0,
    cgroupSlot: cgroups.version === 2 ? SLOT.cgroup : NO_SLOT,
    why: 'the process that will be the program',
  });
  return list;
}

/** setns(2) into a bundle's container, as data. If any step fails nothing has been executed anywhere. */
export function planBundleExec(input: BundleExecInput): Plan {
  const { config, process } = input;
  let flags = 0;
  for (const { type } of config.linux?.namespaces ?? []) if (type !== 'pid') flags |= NAMESPACE_FLAG[type];
  const after: Noted[] =
    input.pidFile === undefined
      ? []
      : [{ op: 'write-pid', path: input.pidFile, head: '', tail: '', ticks: 0, why: '--pid-file' }];
  return {
    steps: [
      ...steps('host', ...hostSteps(input)),
      ...steps('host-after', ...after, { op: 'barrier', why: 'lets the child go on' }),
      ...steps(
        'init',
        { op: 'barrier', why: 'the host’s part must be done first' },
        ...oomScore(process.oomScoreAdj),
        ...cgroupJoin(input),
        ...affinity(input).after,
        {
          op: 'setns',
          slot: SLOT.target,
          flags: flags >>> 0,
          why: 'the container’s namespaces, root and all',
        },
        ...memoryPolicy(config),
        ...leaveCaller().filter((step) => !(input.noNewKeyring && step.op === 'session-keyring')),
        ...processSteps(process, {
          held: input.held,
          seccomp: input.seccomp,
          seccompFlags: input.seccompFlags,
          bindConsole: false,
          preserveFds: input.preserveFds,
          goSlot: NO_SLOT,
          saidSlot: NO_SLOT,
          late: input.stays
            ? [{ op: 'pdeathsig', signal: SIGKILL, why: 'if the runtime is killed it goes too' }]
            : [],
        }),
      ),
    ],
  };
}
