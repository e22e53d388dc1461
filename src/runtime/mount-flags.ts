import { MOUNT_ATTR, MS } from './constants.ts';

/** The options of a mount, as config.md § Mounts lists them, sorted by the call that takes them. */
export interface MountFlags {
  /** mount(2). */
  flags: number;
  /** mount_setattr(2), of the mount itself. */
  set: number;
  clear: number;
  /** And of all mounts below it too: the options that begin with r. */
  setBelow: number;
  clearBelow: number;
  /** MS_SHARED and its like, in order; `recursive` for those that begin with r. */
  propagation: Array<{ type: number; recursive: boolean }>;
  /** rbind: the mounts below come along. */
  recursive: boolean;
  /** What is left is the file system's own. */
  data: string[];
}

/** Flags of a mount of its own, which mount_setattr(2) knows too. Access times are one value of several bits. */
const ATTRIBUTES: Readonly<Record<string, readonly [flag: number, on: boolean, attribute: number]>> = {
  ro: [MS.RDONLY, true, MOUNT_ATTR.RDONLY],
  rw: [MS.RDONLY, false, MOUNT_ATTR.RDONLY],
  nosuid: [MS.NOSUID, true, MOUNT_ATTR.NOSUID],
  suid: [MS.NOSUID, false, MOUNT_ATTR.NOSUID],
  nodev: [MS.NODEV, true, MOUNT_ATTR.NODEV],
  dev: [MS.NODEV, false, MOUNT_ATTR.NODEV],
  noexec: [MS.NOEXEC, true, MOUNT_ATTR.NOEXEC],
  exec: [MS.NOEXEC, false, MOUNT_ATTR.NOEXEC],
  nodiratime: [MS.NODIRATIME, true, MOUNT_ATTR.NODIRATIME],
  diratime: [MS.NODIRATIME, false, MOUNT_ATTR.NODIRATIME],
  nosymfollow: [MS.NOSYMFOLLOW, true, MOUNT_ATTR.NOSYMFOLLOW],
  symfollow: [MS.NOSYMFOLLOW, false, MOUNT_ATTR.NOSYMFOLLOW],
};

const ATIMES: Readonly<Record<string, readonly [flag: number, attribute: number]>> = {
  relatime: [MS.RELATIME, 0],
  norelatime: [0, MOUNT_ATTR.STRICTATIME],
  noatime: [MS.NOATIME, MOUNT_ATTR.NOATIME],
  atime: [0, 0],
  strictatime: [MS.STRICTATIME, MOUNT_ATTR.STRICTATIME],
  nostrictatime: [0, 0],
};

/** Flags of the file system, which only mount(2) takes. */
const PLAIN: Readonly<Record<string, readonly [flag: number, on: boolean]>> = {
  sync: [MS.SYNCHRONOUS, true],
  async: [MS.SYNCHRONOUS, false],
  dirsync: [MS.DIRSYNC, true],
  mand: [MS.MANDLOCK, true],
  nomand: [MS.MANDLOCK, false],
  iversion: [MS.I_VERSION, true],
  noiversion: [MS.I_VERSION, false],
  lazytime: [MS.LAZYTIME, true],
  nolazytime: [MS.LAZYTIME, false],
  silent: [MS.SILENT, true],
  loud: [MS.SILENT, false],
  remount: [MS.REMOUNT, true],
};

const PROPAGATION: Readonly<Record<string, number>> = {
  private: MS.PRIVATE,
  slave: MS.SLAVE,
  shared: MS.SHARED,
  unbindable: MS.UNBINDABLE,
};

const NOTHING = new Set(['bind', 'rbind', 'defaults', 'idmap', 'ridmap', 'tmpcopyup']);

function takeAttribute(out: MountFlags, word: string): boolean {
  const below = word.startsWith('r') && !(word in ATTRIBUTES) && !(word in ATIMES);
  const name = below ? word.slice(1) : word;
  const [set, clear] = below ? (['setBelow', 'clearBelow'] as const) : (['set', 'clear'] as const);
  const one = ATTRIBUTES[name];
  if (one !== undefined) {
    const [flag, on, attribute] = one;
    out[set] = on ? out[set] | attribute : out[set] & ~attribute;
    out[clear] = on ? out[clear] & ~attribute : out[clear] | attribute;
    if (!below) out.flags = on ? out.flags | flag : out.flags & ~flag;
    return true;
  }
  const atime = ATIMES[name];
  if (atime === undefined) return false;
  // mount_setattr(2): who sets one of them clears the whole field.
  out[clear] |= MOUNT_ATTR.ATIME;
  out[set] = (out[set] & ~MOUNT_ATTR.ATIME) | atime[1];
  if (!below) out.flags = (out.flags & ~(MS.RELATIME | MS.NOATIME | MS.STRICTATIME)) | atime[0];
  return true;
}

/** Sorts the options of a mount. */
export function mountFlags(options: readonly string[]): MountFlags {
  const out: MountFlags = {
    flags: 0,
    set: 0,
    clear: 0,
    setBelow: 0,
    clearBelow: 0,
    propagation: [],
    recursive: options.includes('rbind'),
    data: [],
  };
  for (const word of options) {
    const plain = PLAIN[word];
    const spread = PROPAGATION[word] ?? PROPAGATION[word.replace(/^r/, '')];
    if (NOTHING.has(word)) continue;
    if (spread !== undefined) out.propagation.push({ type: spread, recursive: word.startsWith('r') });
    else if (plain !== undefined) out.flags = plain[1] ? out.flags | plain[0] : out.flags & ~plain[0];
    else if (!takeAttribute(out, word)) out.data.push(word);
  }
  return out;
}
