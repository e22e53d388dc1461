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
