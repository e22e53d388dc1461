import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { MOUNT_ATTR, MS } from './constants.ts';

type Noted = Action & StepNotes;

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
