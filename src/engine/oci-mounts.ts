import { statSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { defaultMounts, type OciMount } from '../runtime/index.ts';
import {
  type BindMount,
  type ContainerRecord,
  dataDir,
  type Paths,
  type RecordedMount,
  type TmpfsMount,
} from '../storage/index.ts';

/** The group of terminals, everywhere. */
const TTY = 5;
const SHM_BYTES = 64 * 1024 * 1024;

function isFile(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new MydockerError(
      'NO_MOUNT_SOURCE',
      `cannot mount ${path}: ${errno === 'ENOENT' ? 'the host has no such file or directory' : errno}`,
      {
        errno,
        subject: path,
        remedy: 'make it first, or give another source with -v',
      },
    );
  }
}

function bindMount(m: BindMount, record: ContainerRecord): OciMount {
  const { recursive = 'enabled', idmap } = m;
  const maps = idmap === true ? record.isolation?.users : idmap;
  const readOnly = m.readOnly ? [recursive === 'enabled' || recursive === 'readonly' ? 'rro' : 'ro'] : [];
  return {
    destination: m.target,
    type: 'bind',
    source: m.source,
    options: [
      recursive === 'disabled' ? 'bind' : 'rbind',
      ...readOnly,
      ...(m.propagation === undefined ? [] : [m.propagation]),
    ],
    sourceIsFile: isFile(m.source),
    ...(maps === undefined ? {} : { uidMappings: maps.uids, gidMappings: maps.gids }),
  };
}

function tmpfsMount(m: TmpfsMount): OciMount {
  const size = m.sizeBytes === undefined ? [] : [`size=${m.sizeBytes}`];
  const bits = m.mode === undefined ? [] : [`mode=${m.mode.toString(8)}`];
  return {
    destination: m.target,
    type: 'tmpfs',
    source: 'tmpfs',
    why: 'scratch space in memory, asked for with --tmpfs',
    options: [
      'nosuid',
      'nodev',
      'noexec',
      ...(m.readOnly ? ['ro'] : []),
      ...size,
      ...bits,
      ...(m.options ?? []),
    ],
  };
}

function ociMount(m: RecordedMount, record: ContainerRecord, paths: Paths): OciMount[] {
  if (m.type === 'bind') return [bindMount(m, record)];
  if (m.type === 'tmpfs') return [tmpfsMount(m)];
  // An image's files are mounted by steps of their own.
  if (m.type === 'image') return [];
  const { users } = record.isolation ?? {};
  return [
    {
      destination: m.target,
      type: 'bind',
      source: dataDir(paths, m.name),
      ...(m.subpath === undefined ? {} : { below: m.subpath }),
      options: ['rbind', ...(m.readOnly ? ['rro'] : [])],
      why: `the volume ${m.anonymous === true ? 'of its own' : m.name} at ${m.target}`,
      ...(users === undefined ? {} : { uidMappings: users.uids, gidMappings: users.gids }),
    },
  ];
}

/** A container with users of its own cannot make nodes: it gets the host's, by a mount. */
function deviceMounts(record: ContainerRecord): OciMount[] {
  const { users, devices = [] } = record.isolation ?? {};
  if (users === undefined) return [];
  return devices.map((device) => ({
    destination: device.path,
    type: 'bind',
    source: device.hostPath,
    options: ['bind'],
    sourceIsFile: true,
    why: 'a device asked for',
  }));
}

/** /dev/shm of whom its ipc namespace is shared with. Message queues are the namespace's own already. */
function sharedIpc(record: ContainerRecord, mounts: readonly OciMount[]): OciMount[] {
  const { ipc } = record.isolation ?? {};
  if (ipc === undefined) return [...mounts];
  return mounts.flatMap((m): OciMount[] => {
    if (m.destination !== '/dev/shm') return [m];
    // Another container's is taken from inside it: see neighbours.ts.
    if (ipc !== 'host') return [];
    return [
      {
        destination: '/dev/shm',
        type: 'bind',
        source: '/dev/shm',
        options: ['rbind'],
        why: '/dev/shm of the host, as its ipc namespace',
      },
    ];
  });
}

const depth = (path: string): number => path.split('/').length;

/** All mounts of a container, in order: what lies below another comes after it. Throws NO_MOUNT_SOURCE. */
export function ociMounts(record: ContainerRecord, namesDir: string, paths: Paths): OciMount[] {
  const { isolation = {} } = record;
  const { users } = isolation;
  const own = ['hosts', 'hostname', 'resolv.conf'].map(
    (name): OciMount => ({
      destination: `/etc/${name}`,
      type: 'bind',
      source: `${namesDir}/${name}`,
      options: ['rbind'],
      sourceIsFile: true,
      ...(users === undefined ? {} : { uidMappings: users.uids, gidMappings: users.gids }),
    }),
  );
  const usual = defaultMounts({
    shmBytes: isolation.shmBytes ?? SHM_BYTES,
    privileged: isolation.privileged === true,
    hasTtyGroup:
      users === undefined || users.gids.some((m) => m.containerID <= TTY && TTY < m.containerID + m.size),
  });
  const asked = record.mounts.flatMap((m) => ociMount(m, record, paths));
  // A mount of the user's on /etc/hosts and the like replaces ours.
  const taken = new Set(record.mounts.map((m) => m.target));
  const inOrder = [...own.filter((m) => !taken.has(m.destination)), ...asked].sort(
    (a, b) => depth(a.destination) - depth(b.destination),
  );
  return [...sharedIpc(record, usual), ...deviceMounts(record), ...inOrder];
}
