import { badInput } from '../base/errors.ts';
import type { EgressChange } from '../engine/types.ts';
import { parseEgress } from './egress-value.ts';
import type { Flags } from './parse.ts';
import type { OptionSpec } from './spec.ts';

/** Another list of what a container may reach. */
export const EGRESS_UPDATE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'egress',
    value: 'list',
    placeholder: 'LIST',
    help: 'what it may reach: allow=NAME,*.NAME,ADDRESS/BITS…, none, or any',
  },
  { name: 'egress-add', value: 'list', placeholder: 'ENTRIES', help: 'more entries for the list it has' },
  { name: 'egress-rm', value: 'list', placeholder: 'ENTRIES', help: 'entries taken out of that list' },
];

function entries(flags: Flags, name: string): readonly string[] {
  const list = flags.list(name).flatMap((value) => value.replace(/^allow=/, '').split(','));
  if (!list.includes('')) return list;
  throw badInput(`--${name}: an entry is empty`, {
    subject: `--${name}`,
    remedy: `give for example --${name} example.com`,
  });
}

/** The change that the options ask for, if any. Throws BAD_INPUT; entries are checked by the engine. */
export function egressChangeFromFlags(flags: Flags): EgressChange | undefined {
  const parts = flags.has('egress-add') || flags.has('egress-rm');
  if (!flags.has('egress'))
    return parts
      ? { egressAdd: entries(flags, 'egress-add'), egressRemove: entries(flags, 'egress-rm') }
      : undefined;
  if (parts)
    throw badInput('--egress: it replaces the list that --egress-add and --egress-rm change', {
      subject: '--egress',
      remedy: 'leave one of them out',
    });
  return { egress: parseEgress('--egress', flags.list('egress')) };
}
