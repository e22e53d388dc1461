import { badInput } from '../base/errors.ts';
import { namePattern } from '../base/pattern.ts';
import type { ContainerSummary } from '../engine/types.ts';

type Test = (container: ContainerSummary) => boolean;

/** Docker's words for a status, and ours. */
const STATUS_WORDS: Readonly<Record<string, ContainerSummary['status']>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  stopped: 'stopped',
  exited: 'stopped',
  broken: 'broken',
  dead: 'broken',
};

const KEYS: Readonly<Record<string, (value: string) => Test>> = {
  status: (value) => {
    const status = Object.hasOwn(STATUS_WORDS, value) ? STATUS_WORDS[value] : undefined;
    if (status === undefined) throw badFilter(`status=${value}`, `the status "${value}" does not exist`);
    return (container) => container.status === status;
  },
  name: (value) => {
    const matches = namePattern(value);
    // Docker's own names begin with a slash.
    return ({ name }) => matches(name) || matches(`/${name}`);
  },
  id: (value) => (container) => container.id.startsWith(value),
  label: (value) => {
    const equals = value.indexOf('=');
    const key = equals < 0 ? value : value.slice(0, equals);
    return ({ labels }) =>
      Object.hasOwn(labels, key) && (equals < 0 || labels[key] === value.slice(equals + 1));
  },
  ancestor:
    (value) =>
    ({ image, imageId }) =>
      image === value ||
      image === `${value}:latest` ||
      `${image}:latest` === value ||
      imageId.replace(/^sha256:/, '').startsWith(value.replace(/^sha256:/, '')),
  network:
    (value) =>
    ({ networks }) =>
      networks.includes(value),
  volume:
    (value) =>
    ({ mounts }) =>
      mounts.some(({ source, target }) => source === value || target === value),
  exited: (value) => {
    if (!/^\d{1,3}$/.test(value)) throw badFilter(`exited=${value}`, `"${value}" is no exit code`);
    return ({ status, exitCode }) => status === 'stopped' && exitCode === Number(value);
  },
};

function badFilter(text: string, why: string): Error {
  return badInput(`--filter "${text}": ${why}`, {
    subject: text,
    remedy:
      'give for example --filter status=running; there are status, name, id, label, ancestor, exited, network and volume',
  });
}

/** `--filter`: values of one key are alternatives (labels: all must hold), different keys must all hold. */
export function parseFilters(list: readonly string[]): Test {
  const byKey = new Map<string, Test[]>();
  for (const text of list) {
    const equals = text.indexOf('=');
    if (equals < 0) throw badFilter(text, 'it is not of the form KEY=VALUE');
    const key = text.slice(0, equals);
    const make = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (make === undefined) throw badFilter(text, `there is no filter "${key}"`);
    byKey.set(key, [...(byKey.get(key) ?? []), make(text.slice(equals + 1))]);
  }
  return (container) =>
    Array.from(byKey).every(([key, tests]) =>
      key === 'label' ? tests.every((test) => test(container)) : tests.some((test) => test(container)),
    );
}
