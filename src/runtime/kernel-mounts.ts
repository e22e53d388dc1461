import type { Action, StepNotes } from '../plan/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { MOUNT_ATTR, MS } from './constants.ts';
import type { MountFlags } from './mount-flags.ts';
import type { OciMount } from './spec.ts';

type Noted = Action & StepNotes;

const PLAIN = ['nosuid', 'noexec', 'nodev'] as const;

/** What every container has mounted, as Docker has it. `shmBytes`: size of /dev/shm. */
export function defaultMounts(options: {
  shmBytes: number;
  privileged: boolean;
  /** False: its groups have no number 5, who owns terminals. */
  hasTtyGroup?: boolean;
}): OciMount[] {
  const readOnly = options.privileged ? [] : ['ro'];
  const mount = (
    type: string,
    destination: string,
    more: readonly string[],
    why: string,
    source = type,
  ): OciMount => ({ destination, type, source, options: more, why });
  return [
    mount('proc', '/proc', PLAIN, 'shows the processes of the new pid namespace, and only those'),
    mount(
      'tmpfs',
      '/dev',
      ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
      'devices of its own, none of the host’s',
    ),
    mount(
      'devpts',
      '/dev/pts',
      [
        'nosuid',
        'noexec',
        'newinstance',
        'ptmxmode=0666',
        'mode=0620',
        ...(options.hasTtyGroup === false ? [] : ['gid=5']),
      ],
      'pseudo-terminals of its own',
    ),
    mount(
      'tmpfs',
      '/dev/shm',
      [...PLAIN, 'mode=1777', `size=${Math.ceil(options.shmBytes / 1024)}k`],
      'POSIX shared memory',
      'shm',
    ),
    mount('mqueue', '/dev/mqueue', PLAIN, 'POSIX message queues of the new ipc namespace'),
    mount(
      'sysfs',
      '/sys',
      [...PLAIN, ...readOnly],
      `devices and the network namespace${options.privileged ? '' : ', read-only'}`,
    ),
    mount(
      'cgroup',
      '/sys/fs/cgroup',
      [...PLAIN, 'relatime', ...readOnly],
      `its own limits and usage${options.privileged ? '' : ', read-only'}`,
    ),
  ];
}

/** A step that mounts. */
export function mountStep(
  source: string,
  target: string,
  fstype: string,
  flags: number,
  data: string,
  why: string,
): Noted {
  return { op: 'mount', source, target, fstype, flags, data, why };
}

/** The container sees its own cgroup as the root: programs read their limits there. */
export function cgroupMounts(host: CgroupHost, at: string, options: MountFlags, why: string): Noted[] {
  const { flags } = options;
  if (host.version === 2) return [mountStep('cgroup', at, 'cgroup2', flags, options.data.join(','), why)];
  const list: Noted[] = [
    mountStep(
      'tmpfs',
      at,
      'tmpfs',
      flags & ~MS.RDONLY,
      'mode=755,size=64k',
      'one directory for each v1 hierarchy',
    ),
  ];
  for (const h of host.v1) {
    const name = h.controllers.join(',');
    list.push({ op: 'mkdir', path: `${at}/${name}`, mode: 0o755, why: 'mount point' });
    list.push(mountStep('cgroup', `${at}/${name}`, 'cgroup', flags, name, why));
  }
  if ((flags & MS.RDONLY) !== 0)
    list.push({
      op: 'mount-setattr',
      target: at,
      set: MOUNT_ATTR.RDONLY,
      clear: 0,
      recursive: 0,
      why: 'the list itself read-only too',
    });
  return list;
}
