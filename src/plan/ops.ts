/**
 * The one table of operations: everything the shim can be asked to do.
 * native/ops.gen.h is generated from it (`npm run gen`); both sides refuse a plan of another table.
 *
 * To add an operation: a row here, a handler `op_<name>` in native/, a place that plans it, a test.
 */

/** How an argument travels. u32 and u64 little-endian; str NUL-terminated; strv a list of str. */
export type ArgKind = 'u32' | 'u64' | 'str' | 'bytes' | 'strv';

interface OpRow {
  readonly code: number;
  readonly args: Readonly<Record<string, ArgKind>>;
  /** The system call, or calls, behind it: what `explain` prints. */
  readonly call: string;
}

export const OPS = {
  // Files. Paths are the section's own: the host's before pivot_root, the container's after.
  own: { code: 1, args: { what: 'str' }, call: '(taken before the plan)' },
  mkdir: { code: 2, args: { path: 'str', mode: 'u32' }, call: 'mkdir' },
  rmdir: { code: 3, args: { path: 'str' }, call: 'rmdir' },
  write: { code: 4, args: { path: 'str', data: 'bytes', create: 'u32' }, call: 'open, write, close' },
  unlink: { code: 5, args: { path: 'str' }, call: 'unlink' },
  'remove-tree': { code: 6, args: { path: 'str' }, call: 'openat2(NO_XDEV), getdents, unlinkat …' },
  symlink: { code: 7, args: { target: 'str', path: 'str' }, call: 'symlink' },
  link: { code: 8, args: { from: 'str', path: 'str' }, call: 'linkat' },
  mknod: { code: 9, args: { path: 'str', mode: 'u32', major: 'u32', minor: 'u32' }, call: 'mknod, chmod' },
  chown: { code: 10, args: { path: 'str', uid: 'u32', gid: 'u32' }, call: 'lchown' },
  chmod: { code: 11, args: { path: 'str', mode: 'u32' }, call: 'chmod' },
  utimes: { code: 12, args: { path: 'str', seconds: 'u64', nanoseconds: 'u32' }, call: 'utimensat' },
  xattr: { code: 13, args: { path: 'str', name: 'str', value: 'bytes' }, call: 'lsetxattr' },
  chdir: { code: 14, args: { path: 'str' }, call: 'chdir' },
  chroot: { code: 15, args: { path: 'str' }, call: 'chroot' },
  umask: { code: 16, args: { mask: 'u32' }, call: 'umask' },
  'create-file': { code: 17, args: { path: 'str', mode: 'u32' }, call: 'unlink, open(O_EXCL)' },
  'file-data': { code: 18, args: { data: 'bytes' }, call: 'write' },
  walk: { code: 19, args: { path: 'str' }, call: 'openat, getdents, fstatat, llistxattr, read …' },
  'kill-cgroup': { code: 20, args: { path: 'str' }, call: 'pidfd_open, pidfd_send_signal' },
  rename: { code: 21, args: { from: 'str', path: 'str' }, call: 'rename' },
  'unlink-link': { code: 22, args: { path: 'str', text: 'str' }, call: 'readlink, unlink' },
  // A layer being unpacked.
  file: {
    code: 23,
    args: {
      path: 'str',
      mode: 'u32',
      uid: 'u32',
      gid: 'u32',
      seconds: 'u64',
      nanoseconds: 'u32',
      data: 'bytes',
    },
    call: 'open(O_EXCL), write, fchown, fchmod, futimens',
  },
  'file-end': {
    code: 24,
    args: { mode: 'u32', uid: 'u32', gid: 'u32', seconds: 'u64', nanoseconds: 'u32' },
    call: 'fchown, fchmod, futimens, close',
  },
  'file-hole': { code: 25, args: { bytes: 'u64' }, call: 'lseek, ftruncate' },
  'copy-up': {
    code: 26,
    args: { slot: 'u32', from: 'str', path: 'str' },
    call: 'openat2(NO_SYMLINKS), read, write, fchown, fsetxattr …',
  },
  'copy-attributes': {
    code: 27,
    args: { slot: 'u32', from: 'str', path: 'str' },
    call: 'openat2(NO_SYMLINKS), fchown, fchmod, fsetxattr, futimens',
  },
  'sync-files': { code: 28, args: {}, call: 'syncfs' },
  // Mounts.
  mount: {
    code: 30,
    args: { source: 'str', target: 'str', fstype: 'str', flags: 'u32', data: 'str' },
    call: 'mount',
  },
  umount: { code: 31, args: { target: 'str', flags: 'u32' }, call: 'umount2' },
  'open-tree': {
    code: 32,
    args: { path: 'str', recursive: 'u32', slot: 'u32' },
    call: 'open_tree(OPEN_TREE_CLONE)',
  },
  'tree-setattr': {
    code: 33,
    args: { slot: 'u32', set: 'u32', clear: 'u32', propagation: 'u32', recursive: 'u32', userns: 'u32' },
    call: 'mount_setattr',
  },
  'attach-tree': {
    code: 34,
    args: { slot: 'u32', target: 'str', create: 'u32' },
    call: 'openat2(RESOLVE_IN_ROOT), move_mount',
  },
  'mount-setattr': {
    code: 35,
    args: { target: 'str', set: 'u32', clear: 'u32', recursive: 'u32' },
    call: 'mount_setattr',
  },
  'pivot-root': { code: 36, args: { newRoot: 'str', putOld: 'str' }, call: 'pivot_root' },
  mask: { code: 37, args: { target: 'str' }, call: 'mount (of /dev/null, or an empty tmpfs)' },
  'real-directory': { code: 38, args: { path: 'str' }, call: 'openat2(NO_SYMLINKS), mkdir' },
  // Namespaces and processes.
  clone: { code: 50, args: { flags: 'u32', cgroupSlot: 'u32' }, call: 'clone3' },
  unshare: { code: 51, args: { flags: 'u32' }, call: 'unshare' },
  'open-process': { code: 52, args: { pid: 'u32', startTicks: 'u64', slot: 'u32' }, call: 'pidfd_open' },
  'open-path': { code: 53, args: { path: 'str', slot: 'u32' }, call: 'open(O_PATH)' },
  setns: { code: 54, args: { slot: 'u32', flags: 'u32' }, call: 'setns' },
  sethostname: { code: 55, args: { name: 'str' }, call: 'sethostname' },
  netlink: { code: 56, args: { message: 'bytes' }, call: 'socket(AF_NETLINK), sendto, recv' },
  barrier: { code: 57, args: {}, call: 'read/write on a socketpair' },
  setsid: { code: 58, args: {}, call: 'setsid' },
  pdeathsig: { code: 59, args: { signal: 'u32' }, call: 'prctl(PR_SET_PDEATHSIG)' },
  rlimit: { code: 60, args: { resource: 'u32', soft: 'u64', hard: 'u64' }, call: 'prlimit64' },
  capabilities: {
    code: 61,
    args: { bounding: 'u64', effective: 'u64', permitted: 'u64', inheritable: 'u64', ambient: 'u64' },
    call: 'prctl(PR_CAPBSET_DROP), capset',
  },
  'no-new-privs': { code: 62, args: {}, call: 'prctl(PR_SET_NO_NEW_PRIVS)' },
  'set-user': { code: 63, args: { user: 'str' }, call: 'setgroups, setgid, setuid' },
  exec: {
    code: 64,
    args: { file: 'str', argv: 'strv', env: 'strv', init: 'u32' },
    call: 'execve',
  },
  'raise-limit': { code: 65, args: { resource: 'u32' }, call: 'prlimit64' },
  'session-keyring': { code: 66, args: {}, call: 'keyctl(KEYCTL_JOIN_SESSION_KEYRING)' },
  'close-descriptors': { code: 67, args: {}, call: 'close_range' },
  seccomp: {
    code: 100,
    args: { flags: 'u32', filter: 'bytes' },
    call: 'seccomp(SECCOMP_SET_MODE_FILTER)',
  },
  'limit-capabilities': { code: 101, args: { mask: 'u64' }, call: 'capget, capset' },
  'namespace-root': { code: 68, args: {}, call: 'setns(/proc/self/ns/mnt), fchdir' },
  // Namespaces of others, users of its own.
  'open-namespace': { code: 140, args: { path: 'str', slot: 'u32' }, call: 'open' },
  'make-userns': {
    code: 141,
    args: { uidMap: 'str', gidMap: 'str', slot: 'u32' },
    call: 'clone3(CLONE_NEWUSER), write, open',
  },
  'give-streams': { code: 142, args: { uid: 'u32', gid: 'u32' }, call: 'fchown' },
  'uid-map': { code: 143, args: { uidMap: 'str', gidMap: 'str' }, call: 'write' },
  'add-groups': { code: 144, args: { groups: 'strv' }, call: '(with set-user)' },
  'keep-capabilities': { code: 145, args: {}, call: 'prctl(PR_SET_KEEPCAPS)' },
  // What a volume begins with, and how it ends.
  populate: {
    code: 146,
    args: { slot: 'u32', from: 'str', volume: 'str' },
    call: 'flock, openat2, read, write, mknodat …',
  },
  'release-volume': {
    code: 147,
    args: { path: 'str', user: 'str', remove: 'u32' },
    call: 'unlinkat, rmdir, unlinkat …',
  },
  setdomainname: { code: 148, args: { name: 'str' }, call: 'setdomainname' },
  'inner-root': { code: 149, args: {}, call: 'setgroups, setresgid, setresuid' },
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
  // What the monitor keeps while the container lives.
  'state-file': { code: 80, args: { path: 'str', id: 'str', bootId: 'str' }, call: 'open, write, rename' },
  'exit-file': { code: 81, args: { path: 'str', oomPath: 'str', sync: 'u32' }, call: 'open, write, rename' },
  log: { code: 82, args: { path: 'str', maxBytes: 'u64', maxFiles: 'u32' }, call: 'open(O_APPEND)' },
  'attach-socket': { code: 83, args: { path: 'str' }, call: 'socket, bind, listen' },
  freezer: { code: 84, args: { path: 'str', freeze: 'str', thaw: 'str' }, call: '(used on demand)' },
  streams: { code: 85, args: { flags: 'u32' }, call: 'pipe2' },
  stdio: { code: 86, args: {}, call: 'dup2' },
  console: {
    code: 87,
    args: { rows: 'u32', cols: 'u32', bind: 'u32' },
    call: 'open(/dev/pts/ptmx), ioctl(TIOCGPTPEER), sendmsg',
  },
} as const satisfies Record<string, OpRow>;

export type OpName = keyof typeof OPS;

type ArgValue = {
  u32: number;
  u64: number | bigint;
  str: string;
  bytes: Uint8Array | string;
  strv: readonly string[];
};

/** The arguments of one operation, typed from its row. */
export type ArgsOf<N extends OpName> = {
  -readonly [A in keyof (typeof OPS)[N]['args']]: (typeof OPS)[N]['args'][A] extends ArgKind
    ? ArgValue[(typeof OPS)[N]['args'][A]]
    : never;
};

/** `streams` flags: what the monitor does with the container's standard streams. */
export const STREAMS = {
  /** Keep a pipe (or the pty) open towards the container's standard input. */
  stdin: 1,
  /** A pseudo-terminal instead of pipes. */
  tty: 2,
  /** The shim's own descriptors 0, 1 and 2 are the first client. */
  inherit: 4,
  /** Do not start the program before a client attached and said so. */
  hold: 8,
} as const;

/** The most that one plan holds. The shim has room for so many steps, made before it knows how many there will be. */
export const MAX_STEPS = 1024;
export const PLAN_MAX_BYTES = 8 * 1024 * 1024;

/** Slots: numbered descriptors that a step opens and a later step uses. */
export const NO_SLOT = 0xffffffff;
export const SLOT_COUNT = 160;
