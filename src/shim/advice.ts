import type { Step } from '../plan/index.ts';

/** What a failed step means, beyond its errno. */
export interface Advice {
  code: string;
  cause: string;
  remedy?: string;
  exitCode?: number;
}

type Write = Step & { op: 'write' };

/** A value the kernel does not take, in the files of cgroups and in /proc. */
function adviseWrite({ path }: Write, errno: string): Advice | undefined {
  if (path.startsWith('/proc/sys/')) {
    if (errno === 'ENOENT')
      return {
        code: 'BAD_SYSCTL',
        cause: 'this kernel has no such setting, or its namespace has not',
        remedy: 'check the spelling of --sysctl, or load the module it belongs to',
      };
    if (errno === 'EINVAL' || errno === 'ERANGE')
      return {
        code: 'BAD_SYSCTL',
        cause: 'the setting does not take this value',
        remedy: 'see its documentation for the values there are',
      };
  }
  if (path === '/proc/self/oom_score_adj' && (errno === 'EACCES' || errno === 'EPERM'))
    return {
      code: 'NOT_PERMITTED',
      cause: 'a score below that of mydocker itself takes CAP_SYS_RESOURCE, which it lacks',
      remedy: 'give 0 or more, or run mydocker with CAP_SYS_RESOURCE',
    };
  if (!path.startsWith('/sys/fs/cgroup/')) return undefined;
  if (errno === 'EBUSY' && path.endsWith('memory.limit_in_bytes'))
    return { code: 'LIMIT_TOO_SMALL', cause: 'more memory is in use already', remedy: 'give a larger -m' };
  if (errno === 'EOPNOTSUPP' && /weight/.test(path))
    return {
      code: 'NO_CONTROLLER',
      cause: 'the scheduler of that disk weighs nobody',
      remedy: 'set its scheduler to bfq (/sys/block/DISK/queue/scheduler), or leave the weight out',
    };
  if (errno === 'EINVAL' || errno === 'ERANGE')
    return {
      code: 'LIMIT_REFUSED',
      cause: 'the kernel does not take this value, alone or beside those above it',
      remedy: 'give another one, or see the limits of the cgroups above the container’s',
    };
  return undefined;
}

/** Causes of steps that carry out what somebody asked for: a setting, a user, a part of a volume. */
export function adviseSetting(step: Step, errno: string): Advice | undefined {
  if (step.op === 'write') return adviseWrite(step, errno);
  if (step.op === 'cpu-affinity' && errno === 'EINVAL')
    return { code: 'LIMIT_REFUSED', cause: 'the container’s cpuset has none of these processors' };
  if (step.op === 'memory-policy' && errno === 'EINVAL')
    return { code: 'LIMIT_REFUSED', cause: 'this host lacks one of the nodes, or its kernel the mode' };
  if (step.op === 'set-user' && errno === 'EINVAL')
    return {
      code: 'NO_SUCH_USER',
      cause: 'the number of the user, or of one of its groups, is too large or none that the container has',
      remedy: 'give another user, or a larger map with --uidmap and --gidmap',
    };
  if (step.op === 'real-directory' && errno === 'ENOTDIR')
    return {
      code: 'MOUNT_KIND',
      cause: 'the image has a file there, and a file system is mounted on directories',
      remedy: 'mount it elsewhere',
    };
  if (step.op === 'open-tree' && step.below !== '' && (errno === 'ENOENT' || errno === 'ENOTDIR'))
    return {
      code: 'NO_MOUNT_SOURCE',
      cause: `there is no ${step.below} in it`,
      remedy: 'make it first, or give another subpath',
    };
  return undefined;
}
