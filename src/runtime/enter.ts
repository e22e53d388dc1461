import { type Step, steps } from '../plan/index.ts';
import { CLONE, MOUNT_ATTR } from './constants.ts';
import { bindTree, isBind } from './mounts.ts';
import { separateMounts } from './own-mounts.ts';
import { Slots } from './slots.ts';
import type { OciSpec } from './spec.ts';

const TARGET_SLOT = 0;

/**
 * Steps that take the shim into the mount namespace of a running container: its root becomes ours. `ownUsers`: and into
 * its user namespace, as root there, so that owners are what they are inside.
 */
export function enterNamespace(pid: number, startTicks: number, ownUsers = false): Step[] {
  const within = steps('host', { op: 'inner-root', why: 'root of the user namespace' });
  const list = steps(
    'host',
    {
      op: 'open-process',
      pid,
      startTicks,
      slot: TARGET_SLOT,
      why: 'a handle on process 1; refused if the pid is another process by now',
    },
    {
      op: 'setns',
      slot: TARGET_SLOT,
      flags: ownUsers ? CLONE.NEWNS | CLONE.NEWUSER : CLONE.NEWNS,
      why: 'its mounts, its root',
    },
  );
  return ownUsers ? [...list, ...within] : list;
}

/** Steps that take the shim into the network namespace of a running container. */
export function enterNetwork(pid: number, startTicks: number): Step[] {
  return steps(
    'host',
    {
      op: 'open-process',
      pid,
      startTicks,
      slot: TARGET_SLOT,
      why: 'a handle on process 1; refused if the pid is another process by now',
    },
    { op: 'setns', slot: TARGET_SLOT, flags: CLONE.NEWNET, why: 'its network, and the filter in it' },
  );
}

/** Steps that give the shim mounts nobody else sees: the kernel takes them away with it. */
export function privateMounts(): Step[] {
  return steps(
    'host',
    { op: 'unshare', flags: CLONE.NEWNS, why: 'mounts of our own: gone with this process' },
    separateMounts('no mount made here is seen by the host'),
  );
}

/**
 * Steps that mount the root file system of a container that does not run, and what of the host is bound into it, where
 * the launch would, and make that the root. In mounts of our own: nobody else sees it. What lives in memory only (/proc, /dev,
 * tmpfs) is left out. `rootfs` mounts spec.root.path.
 */
export function visitRootfs(spec: OciSpec, rootfs: readonly Step[]): Step[] {
  // On the disk all files have the owners they have inside: no map is wanted where nobody is mapped.
  const binds = spec.mounts
    .filter((m) => isBind(m) && !/^\/(dev|proc|sys)(\/|$)/.test(m.destination))
    .map(({ uidMappings: _uids, gidMappings: _gids, ...m }) => m);
  const slots = new Slots(0);
  const trees = binds.map((m) => bindTree(m, slots));
  const here = (list: readonly Step[]): Step[] => list.map((step) => ({ ...step, where: 'host' }));
  const seal = steps('host', {
    op: 'mount-setattr',
    target: '/',
    set: MOUNT_ATTR.RDONLY,
    clear: 0,
    recursive: 0,
    why: '--read-only: the root, not the mounts on it',
  });
  return [
    ...privateMounts(),
    ...trees.flatMap((tree) => tree.host),
    ...here(rootfs),
    ...steps('host', { op: 'chroot', path: spec.root.path, why: 'no link can lead out of it' }),
    ...here(trees.flatMap((tree) => tree.init)),
    ...(spec.root.readonly ? seal : []),
  ];
}
