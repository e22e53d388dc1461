import type { ContainerSpec } from '../engine/types.ts';
import { ISOLATION_OPTIONS } from './isolation-options.ts';
import { LIFE_OPTIONS, lifeFromFlags } from './life-options.ts';
import { LIMIT_OPTIONS } from './limit-options.ts';
import { MOUNT_OPTIONS } from './mount-options.ts';
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

type Read = (flags: Flags) => Partial<ContainerSpec>;

/** What options of one kind say; what reads them is loaded only where one was given. */
async function given(
  flags: Flags,
  options: readonly OptionSpec[],
  reader: () => Promise<Read>,
): Promise<Partial<ContainerSpec>> {
  return options.some(({ name }) => flags.has(name)) ? (await reader())(flags) : {};
}

/** The container the options describe, without image and command. Reads `--env-file`s; throws BAD_INPUT. */
export async function specFromFlags(flags: Flags): Promise<Mutable<ContainerSpec>> {
  return {
    ...networkFromFlags(flags),
    ...namesFromFlags(flags),
    ...lifeFromFlags(flags),
    ...processFromFlags(flags),
    ...(await given(flags, MOUNT_OPTIONS, async () => (await import('./mount-values.ts')).mountsFromFlags)),
    ...(await given(flags, LIMIT_OPTIONS, async () => (await import('./limit-values.ts')).limitsFromFlags)),
    ...(await given(
      flags,
      ISOLATION_OPTIONS,
      async () => (await import('./isolation-values.ts')).isolationFromFlags,
    )),
    ...securityFromFlags(flags),
  };
}
