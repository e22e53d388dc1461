import type { Action, StepNotes } from '../plan/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { MOUNT_ATTR, MS, S_IFCHR } from './constants.ts';

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

/** A step that mounts. */
export function mount(
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
export function kernelFilesystems(ownNetwork: boolean): Noted[] {
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
export function cgroupMounts(host: CgroupHost): Noted[] {
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
