/** Each operation as the system call it is, with its arguments in words: what `explain` prints. */
import * as names from './names.ts';
import { netlinkText, wireText } from './netlink-text.ts';
import { networkText } from './network-text.ts';
import { ociText } from './oci-text.ts';
import { NO_SLOT } from './ops.ts';
import { putText } from './put-text.ts';
import type { Action } from './step.ts';
import { userText } from './user-text.ts';

const quote = (text: string): string => JSON.stringify(text);
const quoteOrNull = (text: string): string => (text === '' ? 'NULL' : quote(text));
const octal = (mode: number): string => (mode === 0 ? '0' : `0${mode.toString(8)}`);
const slot = (number: number): string => `slot ${number}`;

/** Text where the bytes are text, else hexadecimal. */
export function data(value: Uint8Array | string): string {
  if (typeof value === 'string') return quote(value);
  const text = Buffer.from(value).toString('utf8');
  return /^[\t\n\x20-\x7e\xa0-\uffff]*$/.test(text) && !text.includes('\ufffd')
    ? quote(text)
    : `0x${Buffer.from(value).toString('hex')}`;
}

const FILE_TYPES: Readonly<Record<number, string>> = {
  1: 'S_IFIFO',
  2: 'S_IFCHR',
  6: 'S_IFBLK',
  8: 'S_IFREG',
  12: 'S_IFSOCK',
};

/** "S_IFCHR|0666". */
function nodeMode(mode: number): string {
  const type = FILE_TYPES[mode >> 12];
  return type === undefined ? octal(mode) : `${type}|${octal(mode & 0o7777)}`;
}

function capabilities(a: Extract<Action, { op: 'capabilities' }>): string {
  const sets = (['bounding', 'effective', 'permitted', 'inheritable', 'ambient'] as const).map((name) => ({
    name,
    set: names.capabilitySet(a[name]),
  }));
  const bySet = new Map<string, string[]>();
  for (const { name, set } of sets) bySet.set(set, [...(bySet.get(set) ?? []), name]);
  return `capset(${Array.from(bySet, ([set, which]) => `${which.join(' = ')} = ${set}`).join(', ')})`;
}

function setattr(
  where: string,
  a: { set: number; clear: number; recursive: number },
  propagation = 0,
  userns = NO_SLOT,
): string {
  const parts = [
    ...(a.set === 0 ? [] : [`set ${names.attributes(a.set)}`]),
    ...(a.clear === 0 ? [] : [`clear ${names.attributes(a.clear)}`]),
    ...(userns === NO_SLOT ? [] : [`MOUNT_ATTR_IDMAP as in ${slot(userns)}`]),
    ...(propagation === 0 ? [] : [`propagation ${names.mountFlags(propagation)}`]),
  ];
  return `mount_setattr(${where}, ${a.recursive === 0 ? '0' : 'AT_RECURSIVE'}, {${parts.join(', ')}})`;
}

function owned(a: { uid: number; gid: number; mode: number; seconds: number | bigint }): string {
  return `fchown(${a.uid}, ${a.gid}), fchmod(${octal(a.mode)}), futimens(${a.seconds})`;
}

const CREATED = ['', ', the file is made if missing', ''] as const;
const TARGET_MADE = ['', ', the directory is made if missing', ', the file is made if missing'] as const;

/** Files: codes 1 to 29 of the table. */
function fileText(a: Action): string | undefined {
  switch (a.op) {
    case 'own':
      return `has ${quote(a.what)}`;
    case 'mkdir':
      return `mkdir(${quote(a.path)}, ${octal(a.mode)})`;
    case 'rmdir':
    case 'unlink':
    case 'chdir':
    case 'chroot':
      return `${a.op}(${quote(a.path)})`;
    case 'unlink-link':
      return `unlink(${quote(a.path)}, if it still says ${quote(a.text)})`;
    case 'write':
      return `write(${quote(a.path)}, ${data(a.data)}${CREATED[a.create === 0 ? 0 : 1]})`;
    case 'remove-tree':
      return `unlinkat(${quote(a.path)} and all below it, crossing no mount)`;
    case 'discard-tree':
      return `rename(${quote(a.path)}, out of sight), and unlinkat(all below it) once the caller has its answer`;
    case 'symlink':
      return `symlink(${quote(a.target)}, ${quote(a.path)})`;
    case 'link':
    case 'rename':
      return `${a.op}(${quote(a.from)}, ${quote(a.path)})`;
    case 'mknod':
      return `mknod(${quote(a.path)}, ${nodeMode(a.mode)}, makedev(${a.major}, ${a.minor}))`;
    case 'chown':
      return `lchown(${quote(a.path)}, ${a.uid}, ${a.gid})`;
    case 'chmod':
      return `chmod(${quote(a.path)}, ${octal(a.mode)})`;
    case 'utimes':
      return `utimensat(${quote(a.path)}, ${a.seconds}.${String(a.nanoseconds).padStart(9, '0')})`;
    case 'xattr':
      return `lsetxattr(${quote(a.path)}, ${quote(a.name)}, ${data(a.value)})`;
    case 'umask':
      return `umask(${octal(a.mask)})`;
    case 'create-file':
      return `open(${quote(a.path)}, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW, ${octal(a.mode)})`;
    case 'file-data':
      return `write(the open file, ${data(a.data)})`;
    case 'file':
      return `open(${quote(a.path)}, O_CREAT|O_EXCL), write(${a.data.length} bytes), ${owned(a)}`;
    case 'file-end':
      return `${owned(a)}, close`;
    case 'file-hole':
      return `lseek(${a.bytes}, SEEK_CUR), ftruncate`;
    case 'copy-up':
    case 'copy-attributes':
      return `${a.op}(${quote(a.from)} below ${slot(a.slot)}, ${quote(a.path)})`;
    case 'spread-directories':
      return `ioctl(${quote(a.path)}, FS_IOC_SETFLAGS, FS_TOPDIR_FL)`;
    case 'sync-files':
      return 'syncfs(where the root lies)';
    case 'walk':
      return `read(${quote(a.path)} and all below it)`;
    case 'kill-cgroup':
      return `kill(every process in ${quote(a.path)}, SIGKILL)`;
    default:
      return undefined;
  }
}

/** Mounts: codes 30 to 49. */
function mountText(a: Action): string | undefined {
  switch (a.op) {
    case 'mount': {
      const where = `${quoteOrNull(a.source)}, ${quote(a.target)}, ${quoteOrNull(a.fstype)}`;
      return `mount(${where}, ${names.mountFlags(a.flags)}, ${quoteOrNull(a.data)})`;
    }
    case 'umount':
      return `umount2(${quote(a.target)}, ${names.umountFlags(a.flags)})`;
    case 'open-tree':
      return `open_tree(${quote(a.path)}${a.below === '' ? '' : `, ${quote(a.below)} in it`}, OPEN_TREE_CLONE${a.recursive === 0 ? '' : '|AT_RECURSIVE'}) -> ${slot(a.slot)}`;
    case 'tree-setattr':
      return setattr(slot(a.slot), a, a.propagation, a.userns);
    case 'attach-tree':
      return `move_mount(${slot(a.slot)}, ${quote(a.target)} in the root${TARGET_MADE[a.create] ?? ''})`;
    case 'mount-setattr':
      return setattr(quote(a.target), a);
    case 'pivot-root':
      return `pivot_root(${quote(a.newRoot)}, ${quote(a.putOld)})`;
    case 'mask':
      return `mount(over ${quote(a.target)}: /dev/null on a file, an empty read-only tmpfs on a directory)`;
    case 'real-directory':
      return `mkdir(${quote(a.path)}, 0755, if missing; no part may be a symbolic link)`;
    default:
      return undefined;
  }
}

/** Namespaces and processes: codes 50 to 79. */
function processText(a: Action): string | undefined {
  switch (a.op) {
    case 'clone':
      return `clone3(${names.namespaceFlags(a.flags)}${a.cgroupSlot === NO_SLOT ? '' : `, CLONE_INTO_CGROUP ${slot(a.cgroupSlot)}`})`;
    case 'unshare':
      return `unshare(${names.namespaceFlags(a.flags)})`;
    case 'open-process':
      return `pidfd_open(${a.pid}, started at tick ${a.startTicks}) -> ${slot(a.slot)}`;
    case 'open-path':
      return `open(${quote(a.path)}, O_PATH) -> ${slot(a.slot)}`;
    case 'setns':
      return `setns(${slot(a.slot)}, ${names.namespaceFlags(a.flags)})`;
    case 'leave-namespace':
      return `setns(${slot(a.slot)}, CLONE_NEWNS)`;
    case 'sethostname':
      return `sethostname(${quote(a.name)})`;
    case 'netlink':
      return `sendto(NETLINK_ROUTE, ${netlinkText(0, a.message)})`;
    case 'barrier':
      return 'barrier(shim and child meet here)';
    case 'setsid':
      return 'setsid()';
    case 'pdeathsig':
      return `prctl(PR_SET_PDEATHSIG, ${a.signal === 9 ? 'SIGKILL' : a.signal})`;
    case 'raise-limit':
      return `setrlimit(${names.resourceName(a.resource)}, the hard limit)`;
    case 'namespace-root':
      return 'setns("/proc/self/ns/mnt"), fchdir(back)';
    case 'session-keyring':
      return 'keyctl(KEYCTL_JOIN_SESSION_KEYRING, NULL)';
    case 'close-descriptors':
      return 'close_range(3, ~0) but for the socket to the shim';
    case 'rlimit':
      return `prlimit(${names.resourceName(a.resource)}, ${a.soft}, ${a.hard})`;
    case 'capabilities':
      return capabilities(a);
    case 'limit-capabilities':
      return `capset(effective, permitted &= ${names.capabilitySet(a.mask)})`;
    case 'no-new-privs':
      return 'prctl(PR_SET_NO_NEW_PRIVS, 1)';
    case 'move-processes':
      return `write(${quote(`${a.path}/cgroup.procs`)}, every process in ${quote(a.from)})`;
    case 'bpf-device':
      return `bpf(BPF_PROG_ATTACH, ${quote(a.path)}, BPF_CGROUP_DEVICE, ${a.program.length / 8} instructions)`;
    case 'seccomp':
      return `seccomp(SECCOMP_SET_MODE_FILTER, ${a.flags}, ${a.filter.length / 8} instructions)`;
    case 'set-user':
      return `setgroups, setresgid, setresuid(${a.user === '' ? 'root' : quote(a.user)}, looked up in the root)`;
    case 'exec': {
      const file = `${quote(a.file)}, [${a.argv.map(quote).join(', ')}], [${a.env.map(quote).join(', ')}]`;
      return `execve(${file}${a.init === 0 ? '' : ', as the child of a tiny init'})`;
    }
    default:
      return undefined;
  }
}

/** What the monitor keeps: codes from 80. */
function monitorText(a: Action): string | undefined {
  switch (a.op) {
    case 'state-file':
    case 'attach-socket':
    case 'exit-file':
      return `${a.op}(${quote(a.path)})`;
    case 'log':
      return `open(${quote(a.path)}, O_APPEND; ${a.maxFiles} files of ${a.maxBytes} bytes)`;
    case 'freezer':
      return `freezer(${quote(a.path)}, ${quote(a.freeze)} or ${quote(a.thaw)}, when asked to)`;
    case 'streams':
      return `pipe2(${names.streamFlags(a.flags)})`;
    case 'stdio':
      return 'dup2(0, 1, 2)';
    case 'console':
      return `open("/dev/pts/ptmx"), ioctl(TIOCGPTPEER), ${a.rows} rows, ${a.cols} columns`;
    default:
      return undefined;
  }
}

/** One action as a call with its arguments in words, nothing left out. */
export function actionText(action: Action): string {
  return (
    fileText(action) ??
    mountText(action) ??
    processText(action) ??
    userText(action) ??
    ociText(action) ??
    monitorText(action) ??
    networkText(action) ??
    wireText(action) ??
    putText(action) ??
    action.op
  );
}
