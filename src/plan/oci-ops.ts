/** Rows of the table of operations that only an OCI runtime's containers use: codes 160 to 179, and from 184 on. */
import type { OpRow } from './op-row.ts';

export const OCI_OPS = {
  // An OCI runtime's container: hooks, a start that comes later, what config.json can ask of a process.
  hook: {
    code: 160,
    args: { path: 'str', argv: 'strv', env: 'strv', timeoutMs: 'u32', cwd: 'str', head: 'str', tail: 'str' },
    call: 'fork, execve, write, waitid',
  },
  'hook-lenient': {
    code: 161,
    args: { path: 'str', argv: 'strv', env: 'strv', timeoutMs: 'u32', cwd: 'str', head: 'str', tail: 'str' },
    call: 'fork, execve, write, waitid',
  },
  meet: { code: 162, args: {}, call: 'write/read on a socketpair' },
  'await-child': { code: 163, args: {}, call: 'read on a socketpair' },
  'start-fifos': {
    code: 164,
    args: { go: 'str', said: 'str', goSlot: 'u32', saidSlot: 'u32' },
    call: 'mkfifo, open',
  },
  'wait-start': { code: 165, args: { goSlot: 'u32', saidSlot: 'u32' }, call: 'read on a fifo' },
  'console-socket': { code: 166, args: { path: 'str' }, call: 'socket, connect' },
  'keep-descriptors': {
    code: 167,
    args: { count: 'u32', goSlot: 'u32', saidSlot: 'u32' },
    call: 'dup2, close_range',
  },
  signal: { code: 168, args: { slot: 'u32', signal: 'u32' }, call: 'pidfd_send_signal' },
  'tmpfs-copy-up': {
    code: 169,
    args: { slot: 'u32', path: 'str', content: 'u32', mode: 'u32' },
    call: 'openat, getdents, read, write …, fchmod',
  },
  personality: { code: 170, args: { persona: 'u32' }, call: 'personality' },
  scheduler: {
    code: 171,
    args: {
      policy: 'u32',
      flags: 'u64',
      nice: 'u32',
      priority: 'u32',
      runtime: 'u64',
      deadline: 'u64',
      period: 'u64',
    },
    call: 'sched_setattr',
  },
  'io-priority': { code: 172, args: { class: 'u32', level: 'u32' }, call: 'ioprio_set' },
  'check-namespace': { code: 173, args: { slot: 'u32', type: 'u32' }, call: 'ioctl(NS_GET_NSTYPE)' },
  'set-ids': {
    code: 174,
    args: { uid: 'u32', gid: 'u32', groups: 'bytes' },
    call: 'setgroups, setresgid, setresuid',
  },
  'write-pid': {
    code: 175,
    args: { path: 'str', head: 'str', tail: 'str', ticks: 'u32' },
    call: 'open, write, rename',
  },
  device: {
    code: 176,
    args: { path: 'str', mode: 'u32', major: 'u32', minor: 'u32', uid: 'u32', gid: 'u32' },
    call: 'mknod, chown, chmod',
  },
  'mkdir-all': { code: 177, args: { path: 'str', mode: 'u32' }, call: 'mkdir' },
  'find-program': { code: 178, args: { file: 'str', env: 'strv' }, call: 'access' },
  'leave-chroot': { code: 179, args: { slot: 'u32' }, call: 'fchdir, chroot' },
  'memory-policy': { code: 184, args: { mode: 'u32', nodes: 'bytes' }, call: 'set_mempolicy' },
  'cpu-affinity': { code: 185, args: { cpus: 'bytes' }, call: 'sched_setaffinity' },
} as const satisfies Record<string, OpRow>;
