import { type Step, steps } from '../plan/index.ts';
import { CLONE, MS } from './constants.ts';
import { mapText } from './idmap.ts';
import { separateMounts } from './own-mounts.ts';
import type { Slots } from './slots.ts';
import type { OciIdMapping } from './spec.ts';

/** The directory that holds the layers and writes of a root file system, and who its files belong to inside. */
export interface IdmappedRoot {
  path: string;
  uidMappings: readonly OciIdMapping[];
  gidMappings: readonly OciIdMapping[];
}

/**
 * The map, and a place in it for who mounts: overlayfs makes its work directory, and the nodes that stand for removed
 * files, as the one who mounted it. On the disk they belong to the first id the container does not have.
 */
function withMounter(map: readonly OciIdMapping[]): OciIdMapping[] {
  if (map.some(({ hostID }) => hostID === 0)) return [...map];
  const free = Math.max(...map.map(({ containerID, size }) => containerID + size));
  return [...map, { containerID: free, hostID: 0, size: 1 }];
}

/**
 * A root file system for a container with users of its own: mounted here, where overlayfs may have layers that are
 * mapped, in a mount namespace nobody else is in, and handed to the child as a mount that hangs nowhere. On the disk
 * all files keep the owners they have in the image, so that layers are shared and commit needs no other way.
 * docs/adr/0033-user-namespaces.md
 */
export function planMappedRoot(
  root: IdmappedRoot,
  mount: readonly Step[],
  target: string,
  slots: Slots,
): { host: Step[]; init: Step[] } {
  const [home, users, layers, tree] = [slots.take(), slots.take(), slots.take(), slots.take()];
  return {
    host: [
      ...steps(
        'host',
        { op: 'open-namespace', path: '/proc/self/ns/mnt', slot: home, why: 'the way back' },
        {
          op: 'unshare',
          flags: CLONE.NEWNS,
          why: 'a mount namespace for these steps only',
          undo: { op: 'leave-namespace', slot: home },
        },
        separateMounts('no mount made here is seen by the host'),
        {
          op: 'make-userns',
          uidMap: mapText(withMounter(root.uidMappings)),
          gidMap: mapText(withMounter(root.gidMappings)),
          slot: users,
          why: 'a user namespace is what says who is who in an idmapped mount',
        },
        { op: 'open-tree', path: root.path, below: '', recursive: 0, slot: layers, why: 'layers and writes' },
        {
          op: 'tree-setattr',
          slot: layers,
          set: 0,
          clear: 0,
          propagation: MS.PRIVATE,
          recursive: 0,
          userns: users,
          why: 'root of the image becomes root of the container, and not of the host',
        },
        { op: 'attach-tree', slot: layers, target: root.path, create: 0, why: 'where their paths lead now' },
      ),
      ...mount.map((step): Step => ({ ...step, where: 'host' })),
      ...steps(
        'host',
        {
          op: 'open-tree',
          path: target,
          below: '',
          recursive: 0,
          slot: tree,
          why: 'the root file system, hanging nowhere',
        },
        {
          op: 'setns',
          slot: home,
          flags: CLONE.NEWNS,
          why: 'back; what was mounted goes, but for the root file system',
        },
      ),
    ],
    init: steps('init', {
      op: 'attach-tree',
      slot: tree,
      target,
      create: 0,
      why: 'the image, read-only below; this container’s writes above',
    }),
  };
}
