import type { Action, StepNotes } from '../plan/index.ts';
import { type CgroupHost, safeCapabilities } from './cgroup-host.ts';
import { capabilityMask, RLIMIT_NOFILE, RLIMITS, SIGKILL } from './constants.ts';
import type { OciProcess } from './spec.ts';

type Noted = Action & StepNotes;

/** A service that keeps the OOM killer away from itself must not keep it from its containers. Before pivot_root: /proc is the host's. */
export function ownOomScore(asked: number | undefined): Noted {
  if (asked !== undefined) {
    return {
      op: 'write',
      path: '/proc/self/oom_score_adj',
      data: String(asked),
      create: 0,
      why: 'how early the OOM killer picks it',
    };
  }
  return {
    op: 'write',
    path: '/proc/self/oom_score_adj',
    data: '0',
    create: 0,
    ignore: 'EACCES',
    why: 'the caller’s score is not the container’s (lowering one may be refused: then it stays)',
  };
}

/** What ties a process to its caller is cut. */
export function leaveCaller(): Noted[] {
  return [
    { op: 'setsid', why: 'a session of its own: no terminal of the caller can be reached' },
    { op: 'session-keyring', why: 'a keyring of its own: the caller’s holds the caller’s keys' },
  ];
}

/** setrlimit(2), as asked for. Before the capabilities go: to raise a hard limit takes CAP_SYS_RESOURCE. */
function limitSteps({ rlimits = [] }: OciProcess): Noted[] {
  const number = (type: string): number => RLIMITS.indexOf(type.replace(/^RLIMIT_/, ''));
  const list = rlimits.map(
    ({ type, soft, hard }): Noted => ({
      op: 'rlimit',
      resource: number(type),
      soft: BigInt.asUintN(64, BigInt(soft)),
      hard: BigInt.asUintN(64, BigInt(hard)),
      why: 'a limit asked for',
    }),
  );
  if (rlimits.some(({ type }) => number(type) === RLIMIT_NOFILE)) return list;
  return [
    ...list,
    { op: 'raise-limit', resource: RLIMIT_NOFILE, why: 'open files: as many as the hard limit allows' },
  ];
}

/** The five sets, without what this host cannot keep safe. */
function capabilityMasks({ capabilities }: OciProcess, host: CgroupHost) {
  const mask = (names: readonly string[]): bigint => capabilityMask(safeCapabilities(names, host));
  return {
    bounding: mask(capabilities.bounding),
    effective: mask(capabilities.effective),
    permitted: mask(capabilities.permitted),
    inheritable: mask(capabilities.inheritable),
    ambient: mask(capabilities.ambient),
  };
}

/**
 * Capabilities and user. Becoming a user takes capabilities that the program may not be meant to have, and takes all
 * away that are not kept on purpose: with ambient ones, which a program keeps without being root, everything is set
 * once more afterwards. capabilities(7)
 */
function identitySteps(process: OciProcess, host: CgroupHost): Noted[] {
  const sets = capabilityMasks(process, host);
  const needed = capabilityMask(BECOME_USER);
  const { user } = process;
  const why = 'root, but only inside: no capability that reaches the host';
  const become: Noted[] = [
    ...(user.umask === undefined ? [] : [{ op: 'umask', mask: user.umask, why: 'asked for' } as Noted]),
    ...((user.additionalGroups ?? []).length === 0
      ? []
      : [{ op: 'add-groups', groups: user.additionalGroups ?? [], why: 'groups asked for' } as Noted]),
    { op: 'set-user', user: user.username, why: 'groups first: without root they could not be set' },
  ];
  const early = sets.permitted | needed;
  const noNew: Noted[] = process.noNewPrivileges
    ? [{ op: 'no-new-privs', why: 'setuid programs give nothing' }]
    : [];
  if (sets.ambient !== 0n) {
    const all = { ...sets, effective: early, permitted: early, ambient: 0n };
    return [
      { op: 'capabilities', ...all, why },
      ...noNew,
      { op: 'keep-capabilities', why: 'a change of user would take them all' },
      ...become,
      { op: 'capabilities', ...sets, why: 'exactly these, and some that last without being root' },
    ];
  }
  const enough = (sets.effective & sets.permitted & needed) === needed;
  const first = enough ? sets : { ...sets, effective: early, permitted: early };
  return [
    { op: 'capabilities', ...first, why },
    ...noNew,
    ...become,
    ...(enough
      ? []
      : [
          {
            op: 'limit-capabilities',
            mask: sets.permitted,
            why: 'what it took to become the user is not for the program',
          } as Noted,
        ]),
  ];
}

/** What `set-user` needs: its calls, files of passwd it may not be the owner of, and the streams it hands over. */
const BECOME_USER = ['CAP_SETUID', 'CAP_SETGID', 'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER'];

/** The last steps before the program: its streams, limits on itself, who it is. Then comes execStep(). */
export function programSteps(process: OciProcess, host: CgroupHost, bindConsole: boolean): Noted[] {
  const size = process.consoleSize ?? { height: 0, width: 0 };
  const streams: Noted = process.terminal
    ? {
        op: 'console',
        rows: size.height,
        cols: size.width,
        bind: bindConsole ? 1 : 0,
        why: 'a terminal of the container’s own devpts; its master goes to the monitor',
      }
    : { op: 'stdio', why: 'the pipes become descriptors 0, 1 and 2' };
  const filter: Noted[] =
    process.seccomp === undefined
      ? []
      : [
          {
            op: 'seccomp',
            flags: 0,
            filter: process.seccomp,
            why: process.noNewPrivileges
              ? 'the calls a program may make; last, so that it need not allow our own'
              : 'the calls a program may make; while we may still set it: without no_new_privs it takes CAP_SYS_ADMIN',
          },
        ];
  return [
    streams,
    {
      op: 'close-descriptors',
      why: 'what follows looks at names the container chose: /proc/self/fd must lead nowhere outside',
    },
    { op: 'chdir', path: process.cwd, why: 'the working directory; one that / does not lead to is refused' },
    ...limitSteps(process),
    ...(process.noNewPrivileges ? [] : filter),
    ...identitySteps(process, host),
    {
      op: 'pdeathsig',
      signal: SIGKILL,
      why: 'if the monitor is killed the container goes too; set last, a change of user clears it',
    },
    ...(process.noNewPrivileges ? filter : []),
  ];
}

/** The very last: of a launch, all that differs between two runs of the same image and limits. */
export function execStep({ args, env }: Pick<OciProcess, 'args' | 'env'>, init: boolean): Noted {
  return {
    op: 'exec',
    file: args[0] ?? '',
    argv: args,
    env,
    init: init ? 1 : 0,
    why: init
      ? 'process 1 stays behind to reap; the program is its child'
      : 'the program takes over as process 1',
  };
}
