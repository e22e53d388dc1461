import * as names from './names.ts';
import { NO_SLOT, OPS } from './ops.ts';
import type { Action, Plan, Section } from './step.ts';

/** One step in words; plain JSON data. */
export interface ExplainedStep {
  /** Number in the plan, from 1: the one errors name. */
  readonly n: number;
  readonly where: Section;
  readonly op: string;
  /** The system calls behind the operation. */
  readonly call: string;
  /** The call with its arguments in words, whole. */
  readonly text: string;
  /** The arguments as the plan has them; 64-bit numbers and bytes that are no text as strings. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly why: string;
  /** What takes the step back after a failure and at the end. */
  readonly undo?: { readonly op: string; readonly call: string; readonly text: string };
}

const quote = (text: string): string => JSON.stringify(text);
const quoteOrNull = (text: string): string => (text === '' ? 'NULL' : quote(text));
const octal = (mode: number): string => (mode === 0 ? '0' : `0${mode.toString(8)}`);
const slot = (number: number): string => `slot ${number}`;

/** Text where the bytes are text, else hexadecimal. */
function data(value: Uint8Array | string): string {
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

/** rtnetlink(7): each message's head, and for links which interface is set up or down. */
function netlink(message: Uint8Array | string): string {
  const bytes = Buffer.from(message);
  const parts: string[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = Math.max(16, bytes.readUInt32LE(at));
    const type = bytes.readUInt16LE(at + 4);
    const head = `${names.messageName(type)} ${names.netlinkFlags(bytes.readUInt16LE(at + 6))}`;
    const isLink = (type === 16 || type === 17) && at + 32 <= bytes.length;
    parts.push(`{${head}${isLink ? ` ${link(bytes, at + 16)}` : ''}, ${length} bytes}`);
    at += (length + 3) & ~3;
  }
  return parts.join(', ');
}

function link(bytes: Buffer, at: number): string {
  const index = bytes.readInt32LE(at + 4);
  const flags = bytes.readUInt32LE(at + 8);
  const change = bytes.readUInt32LE(at + 12);
  const state = (change & 1) === 0 ? '' : (flags & 1) === 1 ? ' up' : ' down';
  return `${index === 1 ? 'lo' : `interface ${index}`}${state}`;
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
): string {
  const parts = [
    ...(a.set === 0 ? [] : [`set ${names.attributes(a.set)}`]),
    ...(a.clear === 0 ? [] : [`clear ${names.attributes(a.clear)}`]),
    ...(propagation === 0 ? [] : [`propagation ${names.mountFlags(propagation)}`]),
  ];
  return `mount_setattr(${where}, ${a.recursive === 0 ? '0' : 'AT_RECURSIVE'}, {${parts.join(', ')}})`;
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
    case 'write':
      return `write(${quote(a.path)}, ${data(a.data)}${CREATED[a.create === 0 ? 0 : 1]})`;
    case 'remove-tree':
      return `unlinkat(${quote(a.path)} and all below it, crossing no mount)`;
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
      return `open_tree(${quote(a.path)}, OPEN_TREE_CLONE${a.recursive === 0 ? '' : '|AT_RECURSIVE'}) -> ${slot(a.slot)}`;
    case 'tree-setattr':
      return setattr(slot(a.slot), a, a.propagation);
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
    case 'sethostname':
      return `sethostname(${quote(a.name)})`;
    case 'netlink':
      return `sendto(NETLINK_ROUTE, ${netlink(a.message)})`;
    case 'barrier':
      return 'barrier(shim and child meet here)';
    case 'setsid':
      return 'setsid()';
    case 'pdeathsig':
      return `prctl(PR_SET_PDEATHSIG, ${a.signal === 9 ? 'SIGKILL' : a.signal})`;
    case 'rlimit':
      return `prlimit(${names.resourceName(a.resource)}, ${a.soft}, ${a.hard})`;
    case 'capabilities':
      return capabilities(a);
    case 'no-new-privs':
      return 'prctl(PR_SET_NO_NEW_PRIVS, 1)';
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
  return fileText(action) ?? mountText(action) ?? processText(action) ?? monitorText(action) ?? action.op;
}

function plainArgs(action: Action): Record<string, unknown> {
  const values = action as unknown as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(OPS[action.op].args).map((name) => {
      const value = values[name];
      if (typeof value === 'bigint') return [name, String(value)];
      if (value instanceof Uint8Array) return [name, data(value).replace(/^"|"$/g, '')];
      return [name, value];
    }),
  );
}

/** Every step of a plan in words, in order. Pure; `JSON.stringify` takes the result. */
export function explainPlan(plan: Plan): ExplainedStep[] {
  return plan.steps.map((step, index) => {
    const { op, where, why, undo } = step;
    const base = {
      n: index + 1,
      where,
      op,
      call: OPS[op].call,
      text: actionText(step),
      args: plainArgs(step),
      why,
    };
    return undo === undefined
      ? base
      : { ...base, undo: { op: undo.op, call: OPS[undo.op].call, text: actionText(undo) } };
  });
}

const SECTION_HEADS: Readonly<Record<Section, string>> = {
  host: 'The shim, on the host',
  'host-after': 'The shim, on the host, after clone: the child waits',
  init: 'The child, in its new namespaces',
};
const TEXT_MOST = 100;

/** Lines for people: a heading for each process, then number, call (cut where long) and, below, reason and undo. */
export function explainLines(steps: readonly ExplainedStep[], color: boolean): string[] {
  const dim = (text: string): string => (color ? `\x1b[2m${text}\x1b[22m` : text);
  const bold = (text: string): string => (color ? `\x1b[1m${text}\x1b[22m` : text);
  const width = String(steps.length).length;
  const lines: string[] = [];
  let section: Section | undefined;
  for (const step of steps) {
    if (step.where !== section) {
      section = step.where;
      lines.push(...(lines.length === 0 ? [] : ['']), bold(SECTION_HEADS[section]));
    }
    const undo = step.undo === undefined ? '' : `; undone by ${short(step.undo.text)}`;
    lines.push(`  ${String(step.n).padStart(width)}  ${short(step.text)}`);
    lines.push(`  ${' '.repeat(width)}  ${dim(`  ${step.why}${undo}`)}`);
  }
  return lines;
}

/** Ids are cut to 12 digits, as `ps` shows them: what matters in a call mostly stands behind one. */
function short(whole: string): string {
  const text = whole.replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1…');
  const chars = Array.from(text);
  return chars.length <= TEXT_MOST ? text : `${chars.slice(0, TEXT_MOST - 1).join('')}…`;
}
