import { badInput, type MydockerError, namePattern } from '../base/index.ts';
import type { NetworkSummary } from './types.ts';

/** A network and whether any container is in it. */
export interface Candidate {
  network: NetworkSummary;
  isUsed(): boolean;
}

type Test = (one: Candidate) => boolean;

function bad(text: string, why: string, keys: readonly string[]): MydockerError {
  return badInput(`--filter "${text}": ${why}`, { subject: text, remedy: `there are ${keys.join(', ')}` });
}

function hasLabel(value: string): Test {
  const [key = '', text] = value.split(/=(.*)/s);
  return ({ network: { labels } }) =>
    Object.hasOwn(labels, key) && (text === undefined || labels[key] === text);
}

const isCustom = ({ name }: NetworkSummary): boolean => !['bridge', 'host', 'none'].includes(name);
const UNTIL_UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

const KEYS: Readonly<Record<string, (value: string, fail: (why: string) => MydockerError) => Test>> = {
  dangling: (value, fail) => {
    if (!['true', 'false', '1', '0'].includes(value)) throw fail(`"${value}" is neither true nor false`);
    const wanted = value === 'true' || value === '1';
    return (one) => isCustom(one.network) && !one.isUsed() === wanted;
  },
  driver: (value) => (one) => one.network.driver === value,
  id: (value) => (one) => one.network.id.startsWith(value),
  name: (value) => {
    const matches = namePattern(value);
    return (one) => matches(one.network.name);
  },
  label: hasLabel,
  'label!': (value) => (one) => !hasLabel(value)(one),
  scope: (value) => () => value === 'local',
  type: (value, fail) => {
    if (value !== 'custom' && value !== 'builtin') throw fail(`"${value}" is neither custom nor builtin`);
    return (one) => isCustom(one.network) === (value === 'custom');
  },
  until: (value, fail) => {
    const [, amount, unit = ''] = /^(\d+)([smhd])$/.exec(value) ?? [];
    const atMs =
      amount === undefined
        ? Date.parse(value)
        : Date.now() - Number(amount) * (UNTIL_UNITS[unit] ?? 1) * 1000;
    if (Number.isNaN(atMs)) throw fail(`"${value}" is no time, as 24h or 2026-01-31T08:00:00Z`);
    return (one) => one.network.createdAtMs < atMs;
  },
};

export const LIST_KEYS = ['dangling', 'driver', 'id', 'name', 'label', 'label!', 'scope', 'type'] as const;
export const PRUNE_KEYS = ['label', 'label!', 'until'] as const;

/** Values of one key are alternatives (labels: all must hold), different keys must all hold. Throws BAD_INPUT. */
export function networkFilter(list: readonly string[], keys: readonly string[]): Test {
  const byKey = new Map<string, Test[]>();
  for (const text of list) {
    const [, key = '', value = ''] = /^([^=]*?!?)=(.*)$/s.exec(text) ?? [];
    const make = keys.includes(key) ? KEYS[key] : undefined;
    if (make === undefined)
      throw bad(text, key === '' ? 'it is not of the form KEY=VALUE' : `there is no filter "${key}"`, keys);
    byKey.set(key, [...(byKey.get(key) ?? []), make(value, (why) => bad(text, why, keys))]);
  }
  return (one) =>
    Array.from(byKey).every(([key, tests]) =>
      key.startsWith('label') ? tests.every((test) => test(one)) : tests.some((test) => test(one)),
    );
}
