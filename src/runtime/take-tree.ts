import { type Action, NO_SLOT, type Step, type StepNotes, steps } from '../plan/index.ts';
import { MS } from './constants.ts';
import type { MountFlags } from './mount-flags.ts';

type Noted = Action & StepNotes;

/** A host path taken before pivot_root (while it can still be named) and attached after it. */
export interface TakenTree {
  host: Step[];
  init: Step[];
}

export interface TakeOptions {
  flags: MountFlags;
  isFile: boolean;
  why: string;
  /** What of the source is taken; links in it stay in it. */
  below?: string;
  /** Slot with the user namespace whose map the mount gets; absent: none. */
  idmap?: number;
  /** False: the mounts below it keep their owners. */
  idmapBelow?: boolean;
}

/** Attributes and propagation, as few calls as can say it: below and at the top may differ. */
function setattrs(slot: number, flags: MountFlags, idmap: number, idmapBelow: boolean): Noted[] {
  const list: Noted[] = [];
  const add = (set: number, clear: number, propagation: number, recursive: boolean, why: string): void => {
    // A map is given once: a second one is EPERM.
    const userns = list.length === 0 ? idmap : NO_SLOT;
    list.push({
      op: 'tree-setattr',
      slot,
      set,
      clear,
      propagation,
      recursive: recursive ? 1 : 0,
      userns,
      why,
    });
  };
  // What the source is coupled with would see the container's mounts, and the other way round.
  const spread = flags.propagation.length > 0 ? flags.propagation : [{ type: MS.PRIVATE, recursive: true }];
  const [first, ...more] = spread;
  const below = flags.setBelow !== 0 || flags.clearBelow !== 0;
  const readOnly = (flags.set | flags.setBelow) & 1 ? 'read-only, and ' : '';
  const others = 'its owners are others inside';
  if (idmap !== NO_SLOT && !idmapBelow)
    add(0, 0, 0, false, `${others}, those of the mounts below it are not`);
  const mapped = idmap === NO_SLOT || !idmapBelow ? '' : `${others}, `;
  const how =
    first?.type === MS.PRIVATE
      ? 'mounts do not travel between host and container'
      : 'how mounts travel between host and container';
  const recursive = (first?.recursive ?? false) && flags.recursive;
  add(flags.setBelow, flags.clearBelow, first?.type ?? 0, recursive || below, `${mapped}${readOnly}${how}`);
  for (const next of more) add(0, 0, next.type, next.recursive, how);
  if (flags.set !== 0 || flags.clear !== 0)
    add(flags.set, flags.clear, 0, false, 'of this mount, not of those below it');
  return list;
}

/** Clones the mount at `source` into slot `slot`, to be attached at `target` inside. */
export function takeTree(slot: number, source: string, target: string, options: TakeOptions): TakenTree {
  const { flags, why, idmap = NO_SLOT, idmapBelow = true } = options;
  const recursive = flags.recursive ? 1 : 0;
  const host: Noted[] = [
    {
      op: 'open-tree',
      path: source,
      below: options.below ?? '',
      recursive,
      slot,
      why: `${why}: taken while the host's names still resolve`,
    },
    ...setattrs(slot, flags, idmap, idmapBelow),
  ];
  return {
    host: steps('host', ...host),
    init: steps('init', {
      op: 'attach-tree',
      slot,
      target,
      create: options.isFile ? 2 : 1,
      why: `${why}: resolved inside the container's root`,
    }),
  };
}
