import { badInput } from '../base/errors.ts';
import type { ContainerSpec } from '../engine/types.ts';
import type { Flags } from './parse.ts';
import type { Mutable, OptionSpec } from './spec.ts';
import * as values from './values.ts';

/** How a container reaches others and is reached. */
export const NETWORK_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'network',
    also: ['net'],
    value: 'string',
    placeholder: 'none|host',
    help: 'none: loopback only (default); host: that of the host',
  },
  { name: 'publish', short: 'p', value: 'list', placeholder: 'PORTS', help: 'not there yet', hidden: true },
];

/** Networks and ports. Throws BAD_INPUT. */
export function networkFromFlags(flags: Flags): Partial<ContainerSpec> {
  const spec: Partial<Mutable<ContainerSpec>> = {};
  if (flags.has('publish')) {
    throw badInput('-p: published ports are not there yet', {
      subject: '-p',
      remedy: 'leave -p out and use --network host to reach the program on the host',
    });
  }
  flags.take('network', (text, flag) => (spec.network = values.parseNetwork(flag, text)));
  return spec;
}
