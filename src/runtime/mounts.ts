import { badInput } from '../base/index.ts';
import { type Action, SLOT_COUNT, type Step, type StepNotes, steps } from '../plan/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { MOUNT_ATTR, MS, S_IFCHR } from './constants.ts';
import type { OciMount, OciSpec } from './spec.ts';

type Noted = Action & StepNotes;

const DEVICES: ReadonlyArray<readonly [name: string, major: number, minor: number, why: string]> = [
  ['null', 1, 3, 'swallows what is written'],
  ['zero', 1, 5, 'endless zeros'],
  ['full', 1, 7, 'always full'],
  ['random', 1, 8, 'the kernel’s random numbers'],
  ['urandom', 1, 9, 'the same'],
  ['tty', 5, 0, 'the terminal of whoever opens it'],
];

const LINKS: ReadonlyArray<readonly [path: string, target: string]> = [
  ['/dev/ptmx', 'pts/ptmx'],
  ['/dev/fd', '/proc/self/fd'],
  ['/dev/stdin', '/proc/self/fd/0'],
  ['/dev/stdout', '/proc/self/fd/1'],
  ['/dev/stderr', '/proc/self/fd/2'],
  ['/dev/core', '/proc/kcore'],
];

function mount(
  source: string,
  target: string,
  fstype: string,
  flags: number,
  data: string,
  why: string,
): Noted {
  return { op: 'mount', source, target, fstype, flags, data, why };
}

/** /proc, /dev, /sys and what lies in them. Runs after pivot_root: paths cannot leave the container. */
function kernelFilesystems(ownNetwork: boolean): Noted[] {
  const plain = MS.NOSUID | MS.NODEV | MS.NOEXEC;
  const real = (path: string): Noted => ({
    op: 'real-directory',
    path,
    why: 'an image whose mount point is a link would have it land elsewhere',
  });
  const sysctls: Noted[] = ownNetwork
    ? [
        {
          op: 'write',
          path: '/proc/sys/net/ipv4/ip_unprivileged_port_start',
          data: '0',
          create: 0,
          why: 'any user may bind port 80: it is the container’s own',
        },
        {
          op: 'write',
          path: '/proc/sys/net/ipv4/ping_group_range',
          data: '0 2147483647',
          create: 0,
          why: 'ping works without raw sockets',
        },
      ]
    : [];
  return [
    real('/proc'),
    mount('proc', '/proc', 'proc', plain, '', 'shows the processes of the new pid namespace, and only those'),
    ...sysctls,
    real('/dev'),
    mount(
      'tmpfs',
      '/dev',
      'tmpfs',
      MS.NOSUID | MS.STRICTATIME,
      'mode=755,size=65536k',
      'devices of its own, none of the host’s',
    ),
    ...DEVICES.map(
      ([name, major, minor, why]): Noted => ({
        op: 'mknod',
        path: `/dev/${name}`,
        mode: S_IFCHR | 0o666,
        major,
        minor,
        why,
      }),
    ),
    ...LINKS.map(
      ([path, target]): Noted => ({ op: 'symlink', target, path, why: 'where programs look for it' }),
    ),
    { op: 'mkdir', path: '/dev/pts', mode: 0o755, why: 'mount point' },
    mount(
      'devpts',
      '/dev/pts',
      'devpts',
      MS.NOSUID | MS.NOEXEC,
      'newinstance,ptmxmode=0666,mode=0620,gid=5',
      'pseudo-terminals of its own',
    ),
    { op: 'mkdir', path: '/dev/shm', mode: 0o1777, why: 'mount point' },
    mount('shm', '/dev/shm', 'tmpfs', plain, 'mode=1777,size=65536k', 'POSIX shared memory, 64 MB'),
    { op: 'mkdir', path: '/dev/mqueue', mode: 0o755, why: 'mount point' },
    mount('mqueue', '/dev/mqueue', 'mqueue', plain, '', 'POSIX message queues of the new ipc namespace'),
    real('/sys'),
    mount('sysfs', '/sys', 'sysfs', plain | MS.RDONLY, '', 'devices and the network namespace, read-only'),
  ];
}

/** The container sees its own cgroup as the root, read-only: programs read their limits there. */
function cgroupMounts(host: CgroupHost): Noted[] {
  const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.RDONLY;
  if (host.version === 2) {
    return [mount('cgroup', '/sys/fs/cgroup', 'cgroup2', flags, '', 'its own limits and usage, read-only')];
  }
  const list: Noted[] = [
    mount(
      'tmpfs',
      '/sys/fs/cgroup',
      'tmpfs',
      flags & ~MS.RDONLY,
      'mode=755,size=64k',
      'one directory for each v1 hierarchy',
    ),
  ];
  for (const h of host.v1) {
    const name = h.controllers.join(',');
    list.push({ op: 'mkdir', path: `/sys/fs/cgroup/${name}`, mode: 0o755, why: 'mount point' });
    list.push(
      mount('cgroup', `/sys/fs/cgroup/${name}`, 'cgroup', flags, name, 'its own limits and usage, read-only'),
    );
  }
  list.push({
    op: 'mount-setattr',
    target: '/sys/fs/cgroup',
    set: MOUNT_ATTR.RDONLY,
    clear: 0,
    recursive: 0,
    why: 'the list itself read-only too',
  });
  return list;
}

/** A host path taken before pivot_root (while it can still be named) and attached after it. */
export interface TakenTree {
  host: Step[];
  init: Step[];
}

/** Clones the mount at `source` into slot `slot`, to be attached at `target` inside. */
export function takeTree(
  slot: number,
  source: string,
  target: string,
  options: { readOnly: boolean; isFile: boolean; recursive: boolean; why: string },
): TakenTree {
  const recursive = options.recursive ? 1 : 0;
  const host: Noted[] = [
    {
      op: 'open-tree',
      path: source,
      recursive,
      slot,
      why: `${options.why}: taken while the host's names still resolve`,
    },
    {
      op: 'tree-setattr',
      slot,
      set: options.readOnly ? MOUNT_ATTR.RDONLY : 0,
      clear: 0,
      propagation: MS.PRIVATE,
      recursive,
      why: options.readOnly
        ? 'read-only, and mounts do not travel'
        : 'mounts do not travel between host and container',
    },
  ];
  const create = options.isFile ? 2 : 1;
  return {
    host: steps('host', ...host),
    init: steps('init', {
      op: 'attach-tree',
      slot,
      target,
      create,
      why: `${options.why}: resolved inside the container's root`,
    }),
  };
}

function tmpfsMount(m: OciMount): Noted {
  let flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
  const data: string[] = [];
  for (const option of m.options) {
    if (option === 'ro') flags |= MS.RDONLY;
    else if (option === 'exec') flags &= ~MS.NOEXEC;
    else if (option === 'suid') flags &= ~MS.NOSUID;
    else if (option === 'dev') flags &= ~MS.NODEV;
    else if (!['rw', 'noexec', 'nosuid', 'nodev'].includes(option)) data.push(option);
  }
  return mount(
    'tmpfs',
    m.destination,
    'tmpfs',
    flags,
    data.join(','),
    'scratch space in memory, asked for with --tmpfs',
  );
}

/** A plan holds MAX_STEPS, and a tmpfs takes two of them. */
const MOST_TMPFS = 200;

/** A file or directory of the host takes a descriptor too, from before the clone until it is attached inside. */
function checkCounts(spec: OciSpec, firstSlot: number): void {
  const count = (type: OciMount['type']): number => spec.mounts.filter((m) => m.type === type).length;
  const most = SLOT_COUNT - firstSlot;
  if (count('bind') > most) {
    throw badInput(
      `${count('bind')} mounts of files and directories of the host, /etc/hosts, hostname and resolv.conf among them, are too many: there can be ${most}`,
      { remedy: 'mount a directory that holds several of them' },
    );
  }
  if (count('tmpfs') > MOST_TMPFS) {
    throw badInput(`${count('tmpfs')} tmpfs mounts are too many: there can be ${MOST_TMPFS}`, {
      remedy: 'use directories below one of them',
    });
  }
}

/** Everything mounted inside: kernel file systems, then what was asked for, in its order. */
export function planMounts(spec: OciSpec, host: CgroupHost, firstSlot: number): TakenTree {
  const before: Step[] = [];
  const inside: Step[] = steps(
    'init',
    ...kernelFilesystems(spec.linux.namespaces.includes('network')),
    ...cgroupMounts(host),
  );
  let slot = firstSlot;
  checkCounts(spec, firstSlot);
  for (const m of spec.mounts) {
    if (m.type === 'tmpfs') {
      inside.push(
        ...steps('init', { op: 'real-directory', path: m.destination, why: 'mount point' }, tmpfsMount(m)),
      );
      continue;
    }
    const readOnly = m.options.includes('ro');
    const taken = takeTree(slot++, m.source, m.destination, {
      readOnly,
      isFile: m.sourceIsFile ?? false,
      recursive: true,
      why: `${m.source} of the host at ${m.destination}`,
    });
    before.push(...taken.host);
    inside.push(...taken.init);
  }
  return { host: before, init: inside };
}

/** What of the kernel's files stays hidden, or readable only. */
export function planMasks(spec: OciSpec): Step[] {
  const list: Noted[] = [];
  for (const target of spec.linux.maskedPaths) {
    list.push({ op: 'mask', target, why: 'tells about, or reaches, the host' });
  }
  for (const path of spec.linux.readonlyPaths) {
    list.push({
      op: 'mount',
      source: path,
      target: path,
      fstype: '',
      flags: MS.BIND | MS.REC,
      data: '',
      ignore: 'ENOENT',
      why: 'a mount of its own, so that it can be made read-only',
    });
    list.push({
      op: 'mount-setattr',
      target: path,
      set: MOUNT_ATTR.RDONLY,
      clear: 0,
      recursive: 0,
      ignore: 'ENOENT',
      why: 'settings of the whole kernel',
    });
  }
  return steps('init', ...list);
}
