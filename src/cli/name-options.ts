import { badInput } from '../base/errors.ts';
import type { ContainerSpec } from '../engine/types.ts';
import { parseEgress } from './egress-value.ts';
import type { Flags } from './parse.ts';
import type { Mutable, OptionSpec } from './spec.ts';

/** How a container finds others by name, and what it may reach. */
export const NAME_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'dns',
    value: 'list',
    placeholder: 'ADDRESS',
    help: 'resolver asked for names that are no container’s (default: those of the host)',
  },
  {
    name: 'dns-search',
    value: 'list',
    placeholder: 'DOMAIN',
    help: 'domain tried for short names; . for none (default: those of the host)',
  },
  {
    name: 'dns-option',
    also: ['dns-opt'],
    value: 'list',
    placeholder: 'OPTION',
    help: 'option of resolv.conf, for example ndots:2 (default: those of the host)',
  },
  {
    name: 'egress',
    value: 'list',
    placeholder: 'LIST',
    help: 'what it may reach: allow=NAME,*.NAME,ADDRESS/BITS…, none, or any (default: everything)',
  },
];

const DOMAIN =
  /^(\.|[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]*[a-zA-Z0-9_])?)*\.?)$/;

function checked(
  flag: string,
  list: readonly string[],
  pattern: RegExp,
  what: string,
  example: string,
): readonly string[] {
  const wrong = list.find((text) => !pattern.test(text) || text.length > 253);
  if (wrong === undefined) return list;
  throw badInput(`${flag} "${wrong}" is no ${what}`, {
    subject: flag,
    remedy: `give for example ${flag} ${example}`,
  });
}

/** Names. Throws BAD_INPUT; addresses are checked by the engine. */
export function namesFromFlags(flags: Flags): Partial<ContainerSpec> {
  const spec: Partial<Mutable<ContainerSpec>> = {};
  if (flags.has('dns')) spec.dns = flags.list('dns');
  if (flags.has('dns-search'))
    spec.dnsSearch = checked('--dns-search', flags.list('dns-search'), DOMAIN, 'domain', 'example.com');
  if (flags.has('dns-option'))
    spec.dnsOptions = checked(
      '--dns-option',
      flags.list('dns-option'),
      /^[a-z0-9-]+(:\d+)?$/,
      'option',
      'ndots:2',
    );
  if (flags.has('egress')) spec.egress = parseEgress('--egress', flags.list('egress'));
  return spec;
}
