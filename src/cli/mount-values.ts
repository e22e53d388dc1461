import { badInput } from '../base/errors.ts';
import type { ContainerSpec, MountSpec } from '../engine/types.ts';
import { parseMount, parseTmpfs } from './mount-fields.ts';
import { parseVolume } from './mounts.ts';
import type { Flags } from './parse.ts';

function mountList(flags: Flags): MountSpec[] {
  const mounts = [
    ...flags.list('volume').map((text) => parseVolume('-v', text)),
    ...flags.list('mount').map((text) => parseMount('--mount', text)),
    ...flags.list('tmpfs').map((text) => parseTmpfs('--tmpfs', text)),
  ];
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) {
      throw badInput(`two mounts have the same container path ${target}`, {
        subject: target,
        remedy: 'leave one of them out',
      });
    }
    targets.add(target);
  }
  return mounts;
}

/** Mounts, and whether the root file system can be written. Throws BAD_INPUT. */
export function mountsFromFlags(flags: Flags): Pick<ContainerSpec, 'mounts' | 'readOnly' | 'volumesFrom'> {
  const mounts = mountList(flags);
  return {
    ...(mounts.length === 0 ? {} : { mounts }),
    ...(flags.has('volumes-from') ? { volumesFrom: flags.list('volumes-from') } : {}),
    ...(flags.bool('read-only') ? { readOnly: true } : {}),
  };
}
