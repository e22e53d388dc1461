import { type Action, NO_SLOT, type Step, type StepNotes, steps } from '../plan/index.ts';
import { CLONE, MNT_DETACH, MOUNT_ATTR, MS } from './constants.ts';
import type { Slots } from './slots.ts';

type Noted = Action & StepNotes;

/** Files of another image, read-only: steps that mount them on a directory, for a moment. */
export interface ImageTree {
  mount: readonly Step[];
  at: string;
  /** Nothing was mounted at `at`: it is a layer, and nothing is unmounted. */
  stays: boolean;
  below?: string;
  destination: string;
}

/** A directory of a running container, as a process of it sees it. */
export interface NeighbourTree {
  pid: number;
  startTicks: number;
  path: string;
  destination: string;
}

/** Mounted where the root file system will be, taken, and the place is free again. */
export function planImageTrees(
  images: readonly ImageTree[],
  slots: Slots,
): { mount: Step[]; attach: Step[] } {
  const mount: Step[] = [];
  const attach: Step[] = [];
  for (const image of images) {
    const slot = slots.take();
    mount.push(
      ...image.mount,
      ...steps(
        'init',
        {
          op: 'open-tree',
          path: image.at,
          below: image.below ?? '',
          recursive: 0,
          slot,
          why: 'the files of an image, hanging nowhere',
        },
        {
          op: 'tree-setattr',
          slot,
          set: MOUNT_ATTR.RDONLY,
          clear: 0,
          propagation: MS.PRIVATE,
          recursive: 0,
          userns: NO_SLOT,
          why: 'read-only: layers are shared by all containers',
        },
        ...(image.stays
          ? []
          : [
              {
                op: 'umount',
                target: image.at,
                flags: MNT_DETACH,
                why: 'the place is the root file system’s',
              } as Noted,
            ]),
      ),
    );
    attach.push(
      ...steps('init', {
        op: 'attach-tree',
        slot,
        target: image.destination,
        create: 1,
        why: `the files of an image at ${image.destination}`,
      }),
    );
  }
  return { mount, attach };
}

/** What is taken from inside other containers: each entered, and left again. Links there stay there. */
export function planNeighbourTrees(
  trees: readonly NeighbourTree[],
  slots: Slots,
): { host: Step[]; init: Step[] } {
  if (trees.length === 0) return { host: [], init: [] };
  const home = slots.take();
  const host: Noted[] = [
    { op: 'open-namespace', path: '/proc/self/ns/mnt', slot: home, why: 'the way back' },
  ];
  const init: Noted[] = [];
  for (const { pid, startTicks, path, destination } of trees) {
    const [process, tree] = [slots.take(), slots.take()];
    host.push(
      {
        op: 'open-process',
        pid,
        startTicks,
        slot: process,
        why: 'a process of the container it joins; refused if the pid is another process by now',
      },
      {
        op: 'setns',
        slot: process,
        flags: CLONE.NEWNS,
        why: 'where that container’s names resolve',
        undo: { op: 'leave-namespace', slot: home },
      },
      {
        op: 'open-tree',
        path,
        below: '',
        recursive: 0,
        slot: tree,
        why: `${path} of the container it joins`,
      },
      { op: 'setns', slot: home, flags: CLONE.NEWNS, why: 'back' },
      {
        op: 'tree-setattr',
        slot: tree,
        set: 0,
        clear: 0,
        propagation: MS.PRIVATE,
        recursive: 0,
        userns: NO_SLOT,
        why: 'mounts do not travel between the two',
      },
    );
    init.push({
      op: 'attach-tree',
      slot: tree,
      target: destination,
      create: 1,
      why: `${path} of the container whose ipc namespace it shares`,
    });
  }
  return { host: steps('host', ...host), init: steps('init', ...init) };
}
