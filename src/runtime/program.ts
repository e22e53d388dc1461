import type { Action, StepNotes } from '../plan/index.ts';
import { type CgroupHost, safeCapabilities } from './cgroup-host.ts';
import { capabilityMask, RLIMIT_NOFILE, SIGKILL } from './constants.ts';
import type { OciProcess } from './spec.ts';

type Noted = Action & StepNotes;

/** A service that keeps the OOM killer away from itself must not keep it from its containers. Before pivot_root: /proc is the host's. */
export function ownOomScore(): Noted {
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

/** What `set-user` needs: its calls, files of passwd it may not be the owner of, and the streams it hands over. */
const BECOME_USER = ['CAP_SETUID', 'CAP_SETGID', 'CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER'];

/** The last steps before the program: its streams, limits on itself, who it is, what it runs. */
export function programSteps(
  process: OciProcess,
  host: CgroupHost,
  options: { init: boolean; bindConsole: boolean },
): Noted[] {
  const mask = capabilityMask(safeCapabilities(process.capabilities, host));
  // Becoming a user takes capabilities that the program may not be meant to have.
  const needed = capabilityMask(BECOME_USER);
  const early = (mask & needed) === needed ? mask : mask | needed;
  const size = process.consoleSize ?? { height: 0, width: 0 };
  const streams: Noted = process.terminal
    ? {
        op: 'console',
        rows: size.height,
        cols: size.width,
        bind: options.bindConsole ? 1 : 0,
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
  const list: Noted[] = [
    streams,
    {
      op: 'close-descriptors',
      why: 'what follows looks at names the container chose: /proc/self/fd must lead nowhere outside',
    },
    { op: 'chdir', path: process.cwd, why: 'the working directory; one that / does not lead to is refused' },
    { op: 'raise-limit', resource: RLIMIT_NOFILE, why: 'open files: as many as the hard limit allows' },
    ...(process.noNewPrivileges ? [] : filter),
    {
      op: 'capabilities',
      bounding: mask,
      effective: early,
      permitted: early,
      inheritable: 0,
      ambient: 0,
      why: 'root, but only inside: no capability that reaches the host',
    },
  ];
  if (process.noNewPrivileges) list.push({ op: 'no-new-privs', why: 'setuid programs give nothing' });
  list.push(
    { op: 'set-user', user: process.user.username, why: 'groups first: without root they could not be set' },
    ...(early === mask
      ? []
      : [
          {
            op: 'limit-capabilities',
            mask,
            why: 'what it took to become the user is not for the program',
          } as Noted,
        ]),
    {
      op: 'pdeathsig',
      signal: SIGKILL,
      why: 'if the monitor is killed the container goes too; set last, a change of user clears it',
    },
    ...(process.noNewPrivileges ? filter : []),
    {
      op: 'exec',
      file: process.args[0] ?? '',
      argv: process.args,
      env: process.env,
      init: options.init ? 1 : 0,
      why: options.init
        ? 'process 1 stays behind to reap; the program is its child'
        : 'the program takes over as process 1',
    },
  );
  return list;
}
