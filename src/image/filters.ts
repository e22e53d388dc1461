import { badInput } from '../base/index.ts';
import { readIndex } from '../storage/index.ts';
import { type ImageRow, listImages } from './list.ts';
import { createdMsOf } from './manifest.ts';
import { findEntry, loadEntry, noSuchImage } from './store.ts';

/** Keeps the rows for which it is true. */
export type RowTest = (row: ImageRow) => boolean;

const KEYS = ['dangling', 'label', 'label!', 'before', 'since', 'until', 'reference'] as const;
type Key = (typeof KEYS)[number];

function badFilter(text: string, why: string): Error {
  return badInput(`--filter "${text}": ${why}`, {
    subject: text,
    remedy: `give for example --filter dangling=true; there are ${KEYS.map((key) => `${key}=`).join(' ')}`,
  });
}

/**
 * A pattern as Go's path.Match has it: "*" and "?" stop at "/", "[a-z]" and "[^a-z]" are classes. undefined when it is
 * malformed.
 */
export function globToRegExp(pattern: string): RegExp | undefined {
  let source = '';
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at] ?? '';
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const [whole, not = '', body = ''] = /^\[(\^?)((?:\\.|[^\]\\])+)\]/.exec(pattern.slice(at)) ?? [];
      if (whole === undefined) return undefined;
      source += `[${not}${body.replace(/[[^&]/g, '\\$&')}]`;
      at += whole.length - 1;
    } else if (char === '\\') {
      at++;
      if (at === pattern.length) return undefined;
      source += escaped(pattern[at] ?? '');
    } else source += escaped(char);
  }
  try {
    return new RegExp(`^${source}$`, 'u');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function escaped(char: string): string {
  return char.replace(/[$()*+./?[\\\]^{|}]/, '\\$&');
}

/** "busybox", "busybox:latest", "team/*": also in full, "docker.io/library/busybox". */
function byReference(text: string): RowTest {
  const full = /^(?:index\.)?docker\.io\/(?:library\/)?/;
  const pattern = globToRegExp(text.replace(full, ''));
  if (pattern === undefined) throw badFilter(`reference=${text}`, 'the pattern makes no sense');
  return ({ repository, tag, digest }) =>
    repository !== '<none>' &&
    [repository, `${repository}:${tag}`, `${repository}@${digest}`].some((name) => pattern.test(name));
}

function byLabel(text: string): RowTest {
  const equals = text.indexOf('=');
  const key = equals < 0 ? text : text.slice(0, equals);
  return ({ labels }) => Object.hasOwn(labels, key) && (equals < 0 || labels[key] === text.slice(equals + 1));
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** "24h", "1h30m", a Unix time in seconds or a date: Unix milliseconds. */
function momentOf(text: string, nowMs: number): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  if (/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) {
    const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
    return (
      nowMs - Array.from(parts).reduce((sum, [, n, unit = '']) => sum + Number(n) * (UNITS[unit] ?? 0), 0)
    );
  }
  const date = /^\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?)?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(date) ? undefined : date;
}

function until(text: string): RowTest {
  const moment = momentOf(text, Date.now());
  if (moment === undefined) throw badFilter(`until=${text}`, `"${text}" is no time`);
  return ({ createdAtMs }) => createdAtMs < moment;
}

function createdOf(root: string, text: string): number {
  const entry = findEntry(root, readIndex(root).manifests, text);
  if (entry === undefined) throw noSuchImage(text);
  return createdMsOf(loadEntry(root, entry).image);
}

function isTrue(text: string): boolean {
  if (/^(?:1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  throw badFilter(`dangling=${text}`, 'it is true or false');
}

function testOf(root: string, key: Key, value: string): RowTest {
  switch (key) {
    case 'dangling': {
      const wanted = isTrue(value);
      return ({ tag }) => (tag === '<none>') === wanted;
    }
    case 'label':
      return byLabel(value);
    case 'label!': {
      const has = byLabel(value);
      return (row) => !has(row);
    }
    case 'before': {
      const limit = createdOf(root, value);
      return ({ createdAtMs }) => createdAtMs < limit;
    }
    case 'since': {
      const limit = createdOf(root, value);
      return ({ createdAtMs }) => createdAtMs > limit;
    }
    case 'until':
      return until(value);
    case 'reference':
      return byReference(value);
  }
}

/**
 * `--filter`: several references are alternatives, everything else must hold together. `keys`: those a command takes.
 * Throws MydockerError BAD_INPUT, NO_SUCH_IMAGE.
 */
export function imageFilter(root: string, list: readonly string[], keys: readonly Key[] = KEYS): RowTest {
  const references: RowTest[] = [];
  const others: RowTest[] = [];
  for (const text of list) {
    const [, key, value] = /^([^=!]+!?)=(.*)$/s.exec(text) ?? [];
    if (key === undefined || value === undefined) throw badFilter(text, 'it is not of the form KEY=VALUE');
    const known = keys.find((name) => name === key);
    if (known === undefined) throw badFilter(text, `there is no filter "${key}" here`);
    (known === 'reference' ? references : others).push(testOf(root, known, value));
  }
  return (row) =>
    others.every((test) => test(row)) && (references.length === 0 || references.some((test) => test(row)));
}

/** What `images` lists. `reference`: a name, name:tag or pattern. */
export function filteredImages(
  root: string,
  options: { reference?: string | undefined; filters?: readonly string[] | undefined } = {},
): ImageRow[] {
  const { reference, filters = [] } = options;
  const keep = imageFilter(root, filters);
  const isNamed = reference === undefined ? () => true : imageFilter(root, [`reference=${reference}`]);
  return listImages(root).filter((row) => keep(row) && isNamed(row));
}
