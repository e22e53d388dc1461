/**
 * The one table of operations: everything the shim can be asked to do.
 * native/ops.gen.h is generated from it (`npm run gen`); both sides refuse a plan of another table.
 *
 * To add an operation: a row here, a handler `op_<name>` in native/, a place that plans it, a test.
 */

import { NETWORK_OPS } from './network-ops.ts';
import { OCI_OPS } from './oci-ops.ts';
import type { ArgKind, OpRow } from './op-row.ts';

export type { ArgKind } from './op-row.ts';

export const OPS = {
  // Files. Paths are the section's own: the host's before pivot_root, the container's after.
  own: { code: 1, args: { what: 'str' }, call: '(taken before the plan)' },
  mkdir: { code: 2, args: { path: 'str', mode: 'u32' }, call: 'mkdir' },
  rmdir: { code: 3, args: { path: 'str' }, call: 'rmdir' },
  write: { code: 4, args: { path: 'str', data: 'bytes', create: 'u32' }, call: 'open, write, close' },
  unlink: { code: 5, args: { path: 'str' }, call: 'unlink' },
  'remove-tree': { code: 6, args: { path: 'str' }, call: 'openat2(NO_XDEV), getdents, unlinkat …' },
  'discard-tree': { code: 180, args: { path: 'str' }, call: 'rename, later openat2(NO_XDEV), unlinkat …' },
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
  walk: {
    code: 19,
    args: { path: 'str', flags: 'u32', slot: 'u32', skip: 'bytes' },
    call: 'openat2(RESOLVE_IN_ROOT), getdents, fstat, flistxattr, read …',
  },
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
  'spread-directories': { code: 181, args: { path: 'str' }, call: 'ioctl(FS_IOC_SETFLAGS)' },
  // A tree that others may look into and change meanwhile: `cp`. Paths are relative to the directory in the slot.
  'open-in-root': { code: 111, args: { path: 'str', slot: 'u32' }, call: 'openat2(RESOLVE_IN_ROOT)' },
  'put-directory': {
    code: 112,
    args: { slot: 'u32', path: 'str', flags: 'u32', mode: 'u32' },
    call: 'openat2, mkdirat',
  },
  'put-file': { code: 113, args: { slot: 'u32', path: 'str', flags: 'u32' }, call: 'openat2(O_EXCL)' },
  'put-node': {
    code: 114,
    args: { slot: 'u32', path: 'str', flags: 'u32', mode: 'u32', major: 'u32', minor: 'u32' },
    call: 'openat2, mknodat',
  },
  'put-symlink': {
    code: 115,
    args: { slot: 'u32', path: 'str', flags: 'u32', target: 'str' },
    call: 'openat2, symlinkat',
  },
  'put-link': {
    code: 116,
    args: { slot: 'u32', path: 'str', flags: 'u32', from: 'str' },
    call: 'openat2, linkat, renameat',
  },
  'put-owner': { code: 117, args: { uid: 'u32', gid: 'u32' }, call: 'fchownat' },
  'put-xattr': { code: 118, args: { name: 'str', value: 'bytes' }, call: 'fsetxattr' },
  'put-end': {
    code: 119,
    args: { mode: 'u32', seconds: 'u64', nanoseconds: 'u32' },
    call: 'fchmod, utimensat, renameat',
  },
  // Mounts.
  mount: {
    code: 30,
    args: { source: 'str', target: 'str', fstype: 'str', flags: 'u32', data: 'str' },
    call: 'mount',
  },
  umount: { code: 31, args: { target: 'str', flags: 'u32' }, call: 'umount2' },
  'open-tree': {
    code: 32,
    args: { path: 'str', below: 'str', recursive: 'u32', slot: 'u32' },
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
  // An undo only: what is taken back is named by the host's own paths.
  'leave-namespace': { code: 152, args: { slot: 'u32' }, call: 'setns' },
  // Cgroup v2.
  'bpf-device': {
    code: 150,
    args: { path: 'str', program: 'bytes' },
    call: 'bpf(BPF_PROG_LOAD), bpf(BPF_PROG_ATTACH)',
  },
  'move-processes': {
    code: 151,
    args: { from: 'str', path: 'str' },
    call: 'read(cgroup.procs), write(cgroup.procs)',
  },
  ...OCI_OPS,
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
  // Names, and what a container may reach.
  resolver: { code: 130, args: { address: 'u32' }, call: 'socket, bind, listen, sendmsg' },
  'nft-batch': { code: 131, args: { message: 'bytes' }, call: 'socket(NETLINK_NETFILTER), sendto, recv' },
  'resolver-config': {
    code: 132,
    args: { networks: 'str', egress: 'str', servers: 'bytes' },
    call: '(read at every query)',
  },
  events: {
    code: 133,
    args: { path: 'str', id: 'str', attributes: 'str', started: 'str', ended: 'str', gone: 'str' },
    call: 'open(O_APPEND), write',
  },
  'egress-element': {
    code: 134,
    args: {
      family: 'u32',
      message: 'bytes',
      addressAt: 'bytes',
      timeoutAt: 'bytes',
      markAt: 'bytes',
      nameAt: 'bytes',
      leastS: 'u32',
      mostS: 'u32',
    },
    call: '(sent with every answer)',
  },
  'filter-sockets': {
    code: 135,
    args: { message: 'bytes' },
    call: 'socket(NETLINK_NETFILTER), sendto, sendmsg',
  },
  'denied-files': {
    code: 137,
    args: { names: 'str', packets: 'str', requests: 'bytes' },
    call: '(written when something is denied, and at the end)',
  },
  'nft-dump': { code: 136, args: { message: 'bytes' }, call: 'socket(NETLINK_NETFILTER), sendto, recv' },
  ...NETWORK_OPS,
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

export { PUT, STREAMS, WALK } from './op-flags.ts';

/** The most that one plan holds. The shim has room for so many steps, made before it knows how many there will be. */
export const MAX_STEPS = 1024;
export const PLAN_MAX_BYTES = 8 * 1024 * 1024;

/** Slots: numbered descriptors that a step opens and a later step uses. */
export const NO_SLOT = 0xffffffff;
export const SLOT_COUNT = 160;
