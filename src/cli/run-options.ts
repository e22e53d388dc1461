import type { ContainerSpec } from '../engine/types.ts';
import { ISOLATION_OPTIONS, isolationFromFlags } from './isolation-options.ts';
import { LIFE_OPTIONS, lifeFromFlags } from './life-options.ts';
import { LIMIT_OPTIONS, limitsFromFlags } from './limit-options.ts';
import { MOUNT_OPTIONS, mountsFromFlags } from './mount-options.ts';
import { NAME_OPTIONS, namesFromFlags } from './name-options.ts';
import { NETWORK_OPTIONS, networkFromFlags } from './network-options.ts';
import type { Flags } from './parse.ts';
import { PROCESS_OPTIONS, PROGRAM_OPTIONS, processFromFlags } from './process-options.ts';
import { SECURITY_OPTIONS, securityFromFlags } from './security-options.ts';
import type { Mutable, OptionSpec } from './spec.ts';

/** What `run`, `create` and `explain` have in common; each kind of option has a file of its own. */
export const CREATE_OPTIONS: readonly OptionSpec[] = [
  ...LIFE_OPTIONS,
  ...PROCESS_OPTIONS,
  ...MOUNT_OPTIONS,
  ...LIMIT_OPTIONS,
  ...PROGRAM_OPTIONS,
  ...SECURITY_OPTIONS,
  ...ISOLATION_OPTIONS,
  ...NETWORK_OPTIONS,
  ...NAME_OPTIONS,
  {
    name: 'pull',
    value: 'string',
    placeholder: 'WHEN',
    help: 'fetch the image first: always, missing (default) or never',
  },
  {
    name: 'platform',
    value: 'string',
    placeholder: 'OS/ARCH',
    help: 'when it is fetched: the image for another machine',
  },
];

/** The container the options describe, without image and command. Reads `--env-file`s; throws BAD_INPUT. */
export function specFromFlags(flags: Flags): Mutable<ContainerSpec> {
  return {
    ...networkFromFlags(flags),
    ...namesFromFlags(flags),
    ...lifeFromFlags(flags),
    ...processFromFlags(flags),
    ...mountsFromFlags(flags),
    ...limitsFromFlags(flags),
    ...isolationFromFlags(flags),
    ...securityFromFlags(flags),
  };
}
