import { badInput } from '../base/index.ts';
import type { EngineEvent } from './event-types.ts';

type Match = (event: EngineEvent, value: string) => boolean;

const isOf =
  (type: EngineEvent['type']): Match =>
  (event, value) =>
    event.type === type && (event.id === value || event.attributes.name === value);

const MATCHES: Readonly<Record<string, Match>> = {
  container: (event, value) =>
    (event.type === 'container' &&
      (event.attributes.name === value || (/^[0-9a-f]+$/.test(value) && event.id.startsWith(value)))) ||
    event.attributes.container === value,
  event: (event, value) => event.action === value,
  image: (event, value) =>
    event.type === 'image'
      ? event.id === value || event.attributes.name === value
      : event.attributes.image === value || event.attributes.image?.split(':')[0] === value,
  label: (event, value) => {
    const [key = '', text] = /^([^=]*)=?(.*)$/s.exec(value)?.slice(1) ?? [];
    const own = event.attributes[key];
    return own !== undefined && (!value.includes('=') || own === text);
  },
  type: (event, value) => event.type === value,
  network: isOf('network'),
  volume: isOf('volume'),
};

/** `--filter`s as one test: any of those with the same key, and all keys. Throws BAD_INPUT. */
export function eventFilter(filters: readonly string[]): (event: EngineEvent) => boolean {
  const byKey = new Map<string, string[]>();
  for (const filter of filters) {
    const [key = '', value] = /^([^=]*)=(.*)$/s.exec(filter)?.slice(1) ?? [];
    if (value === undefined || !(key in MATCHES)) {
      throw badInput(`--filter "${filter}" is no filter of events`, {
        subject: '--filter',
        remedy: `give KEY=VALUE, the key one of ${Object.keys(MATCHES).join(', ')}`,
      });
    }
    byKey.set(key, [...(byKey.get(key) ?? []), value]);
  }
  return (event) =>
    [...byKey].every(([key, values]) => values.some((value) => MATCHES[key]?.(event, value) === true));
}
