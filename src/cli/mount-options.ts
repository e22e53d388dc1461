import { badInput } from '../base/errors.ts';
import type { ContainerSpec, MountSpec } from '../engine/types.ts';
import { parseMount, parseTmpfs } from './mount-fields.ts';
import { parseVolume } from './mounts.ts';
import type { Flags } from './parse.ts';
import type { OptionSpec } from './spec.ts';

/** What is mounted in a container. */
export const MOUNT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'volume',
    short: 'v',
    value: 'list',
    placeholder: '[SRC:]DST[:OPTIONS]',
    help: 'mount a host path or a volume: ro, rslave, rshared, nocopy, idmap',
  },
  {
    name: 'mount',
    value: 'list',
    placeholder: 'FIELDS',
    help: 'type=bind|volume|tmpfs|image,source=…,target=…,readonly, and what each type has',
  },
  {
    name: 'tmpfs',
    value: 'list',
    placeholder: 'DST[:OPTIONS]',
    help: 'an empty file system in memory: /run:size=64m,mode=1777',
  },
  {
    name: 'volumes-from',
    value: 'list',
    placeholder: 'CONTAINER[:ro]',
    help: 'the volumes and host paths another container has',
  },
  { name: 'read-only', help: 'root file system read-only' },
];

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
