import type { ContainerSpec } from '../engine/types.ts';
import { parseLabels } from './env.ts';
import type { Flags } from './parse.ts';
import { checkSignal } from './signals.ts';
import type { Mutable, OptionSpec } from './spec.ts';
import * as values from './values.ts';

/** What a container is called, and how it ends. */
export const LIFE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'name',
    value: 'string',
    placeholder: 'NAME',
    help: 'name of the container (default: one is made up)',
  },
  { name: 'rm', help: 'remove the container when its program ends' },
  { name: 'label', short: 'l', value: 'list', placeholder: 'K=V', help: 'a label, kept with the container' },
  {
    name: 'cidfile',
    value: 'string',
    placeholder: 'FILE',
    help: 'write the id of the container to this new file',
  },
  {
    name: 'stop-signal',
    value: 'string',
    placeholder: 'SIGNAL',
    help: 'what stop sends first (default: the image says, else SIGTERM)',
  },
  {
    name: 'stop-timeout',
    value: 'string',
    placeholder: 'SECONDS',
    help: 'seconds stop waits before SIGKILL (default 10)',
  },
];

/** Name, labels, removal and stopping. Throws BAD_INPUT. */
export function lifeFromFlags(flags: Flags): Partial<ContainerSpec> {
  const spec: Partial<Mutable<ContainerSpec>> = {};
  flags.take('name', (text, flag) => (spec.name = values.parseName(flag, text)));
  flags.take('stop-signal', (text, flag) => (spec.stopSignal = checkSignal(flag, text)));
  flags.take('stop-timeout', (text, flag) => (spec.stopTimeoutS = values.parseSeconds(flag, text, true)));
  if (flags.bool('rm')) spec.autoRemove = true;
  if (flags.has('label')) spec.labels = parseLabels('--label', flags.list('label'));
  return spec;
}
