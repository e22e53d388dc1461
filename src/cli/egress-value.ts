import { badInput } from '../base/errors.ts';

const EXAMPLE = 'allow=example.com,*.example.org,10.0.0.0/8';

function wrong(flag: string, value: string, why: string, remedy: string): Error {
  return badInput(`${flag} ${value}: ${why}`, { subject: flag, remedy });
}

/**
 * "none", "any", or "allow=" and a list with commas; lists add up. The entries are checked by the engine. Throws BAD_INPUT.
 */
export function parseEgress(flag: string, values: readonly string[]): readonly string[] | 'any' {
  const entries: string[] = [];
  for (const value of values) {
    if (value === 'none' || value === 'any') {
      if (values.some((other) => other !== value))
        throw wrong(flag, value, 'it stands alone', `leave out the other ${flag}`);
      continue;
    }
    if (!value.startsWith('allow='))
      throw wrong(
        flag,
        `"${value}"`,
        'it is neither allow=…, none nor any',
        `give for example ${flag} ${EXAMPLE}`,
      );
    const list = value.slice('allow='.length).split(',');
    if (list.some((entry) => entry === ''))
      throw wrong(
        flag,
        `"${value}"`,
        'an entry of the list is empty',
        `give for example ${flag} ${EXAMPLE}, or ${flag} none`,
      );
    entries.push(...list);
  }
  return values[0] === 'any' ? 'any' : entries;
}
