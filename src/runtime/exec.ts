import { type Action, NO_SLOT, type Plan, STREAMS, type StepNotes, steps } from '../plan/index.ts';
import { joinCgroup } from './cgroup.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { CLONE } from './constants.ts';
import { NAMESPACE_FLAGS } from './namespaces.ts';
import { execStep, leaveCaller, ownOomScore, programSteps } from './program.ts';
import type { NamespaceType, OciProcess } from './spec.ts';

type Noted = Action & StepNotes;

/** One more process in a running container. */
export interface ExecInput {
  process: OciProcess;
  /** Process 1 on the host, with its start time (/proc/PID/stat field 22): a reused pid is refused. */
  pid: number;
  startTicks: number;
  /** Those it does not share with its caller. */
  namespaces: readonly NamespaceType[];
  cgroups: CgroupHost;
  cgroupsPath: string;
  /** A container with users of its own: who its root is on the host. */
  root?: { uid: number; gid: number };
  stdin: boolean;
  inherit: boolean;
  hold: boolean;
  /** Attach socket, for terminals; undefined without one. */
  socket: string | undefined;
}

const TARGET_SLOT = 0;
const CGROUP_SLOT = 1;

/** setns(2) into a running container, as data. If any step fails nothing has been executed anywhere. */
export function planExec(input: ExecInput): Plan {
  const join = joinCgroup(input.cgroups, input.cgroupsPath);
  const flags =
    (input.stdin ? STREAMS.stdin : 0) |
    (input.process.terminal ? STREAMS.tty : 0) |
    (input.inherit ? STREAMS.inherit : 0) |
    (input.hold ? STREAMS.hold : 0);
  let nsFlags = 0;
  for (const ns of input.namespaces) if (ns !== 'pid') nsFlags |= NAMESPACE_FLAGS[ns];
  // Its root, not ours: until then it is nobody there.
  const within: Noted[] = input.namespaces.includes('user')
    ? [{ op: 'inner-root', why: 'root of the user namespace' }]
    : [];
  const host: Noted[] = [
    {
      op: 'open-process',
      pid: input.pid,
      startTicks: input.startTicks,
      slot: TARGET_SLOT,
      why: 'a handle on process 1; refused if the pid is another process by now',
    },
  ];
  if (input.socket !== undefined) {
    host.push({
      op: 'attach-socket',
      path: input.socket,
      why: 'where the terminal’s client attaches',
      undo: { op: 'unlink', path: input.socket },
    });
  }
  host.push({ op: 'streams', flags, why: 'pipes, or a terminal that follows' });
  if (input.root !== undefined)
    host.push({
      op: 'give-streams',
      ...input.root,
      why: 'pipes of the host’s root could not be opened again inside',
    });
  if (join.cloneInto !== undefined)
    host.push({
      op: 'open-path',
      path: join.cloneInto,
      slot: CGROUP_SLOT,
      why: 'born in the container’s cgroup',
    });
  if (input.namespaces.includes('pid')) {
    host.push({
      op: 'setns',
      slot: TARGET_SLOT,
      flags: CLONE.NEWPID,
      why: 'holds for children only: the next clone is inside',
    });
  }
  host.push({
    op: 'clone',
    flags: 0,
    cgroupSlot: join.cloneInto === undefined ? NO_SLOT : CGROUP_SLOT,
    why: 'the process that will be the program',
  });
  const init: Noted[] = [
    { op: 'barrier', why: 'the host’s part must be done first' },
    ownOomScore(input.process.oomScoreAdj),
    ...join.tasks.map(
      (path): Noted => ({
        op: 'write',
        path,
        data: '0',
        create: 0,
        why: 'join the container’s cgroup, under its limits',
      }),
    ),
    { op: 'setns', slot: TARGET_SLOT, flags: nsFlags >>> 0, why: 'the container’s namespaces, root and all' },
    ...within,
    ...leaveCaller(),
    ...programSteps(input.process, input.cgroups, false),
    execStep(input.process, false),
  ];
  return {
    steps: [
      ...steps('host', ...host),
      ...steps('host-after', {
        op: 'barrier',
        why: input.hold ? 'waits for the first client' : 'lets the child go on',
      }),
      ...steps('init', ...init),
    ],
  };
}
