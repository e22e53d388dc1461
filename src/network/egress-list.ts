import { badInput, parseIp } from '../base/index.ts';

/** What a container may reach: names, and ranges of addresses [first, last]. Nothing in it: nothing. */
export interface EgressList {
  /** "example.com", or ".example.org" for everything below it. */
  names: string[];
  ranges: Array<readonly [first: Buffer, last: Buffer]>;
}

const MOST_ENTRIES = 512;
/** The resolver has room for so much: native/dns_egress.c. */
const MOST_NAME_BYTES = 32_000;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

function wrong(entry: string, why: string, remedy: string): Error {
  return badInput(`--egress "${entry}": ${why}`, { subject: '--egress', remedy });
}

function rangeOf(entry: string): readonly [Buffer, Buffer] | undefined {
  const [address = '', prefixText, more] = entry.split('/');
  const first = parseIp(address);
  if (first === undefined || more !== undefined) return undefined;
  const most = first.length * 8;
  if (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? most : Number(prefixText);
  if (prefix > most)
    throw wrong(entry, `a prefix has ${most} bits at most`, `give for example ${address}/${most}`);
  const last = Buffer.from(first);
  for (let bit = prefix; bit < most; bit++) {
    const byte = bit >> 3;
    const value = 0x80 >> (bit & 7);
    if (((first[byte] ?? 0) & value) !== 0)
      throw wrong(entry, 'the address has bits behind its prefix', 'give the first address of the range');
    last[byte] = (last[byte] ?? 0) | value;
  }
  return [first, last];
}

function nameOf(entry: string): string {
  const lower = entry.toLowerCase().replace(/\.$/, '');
  const isBelow = lower.startsWith('*.');
  const name = isBelow ? lower.slice(2) : lower;
  const labels = name.split('.');
  if ([...entry].some((c) => c > '\x7f'))
    throw wrong(entry, 'a name has ASCII letters only', 'write it in its ASCII form, with xn--');
  if (name.includes('*'))
    throw wrong(
      entry,
      'a "*" stands for whole labels at the beginning only',
      'give for example *.example.org',
    );
  if (labels.some((label) => !LABEL.test(label)) || name.length > 253 || /^\d+$/.test(labels.at(-1) ?? ''))
    throw wrong(
      entry,
      'it is neither a name, nor an address, nor a range of addresses',
      'give for example example.com, *.example.org or 10.0.0.0/8',
    );
  return isBelow ? `.${name}` : name;
}

/** Checks and reads what a container may reach. Throws BAD_INPUT. */
export function egressList(entries: readonly string[]): EgressList {
  if (entries.length > MOST_ENTRIES)
    throw wrong(
      `${entries[0]} …`,
      `${entries.length} entries, and ${MOST_ENTRIES} are the most`,
      'give wider ones',
    );
  const list: EgressList = { names: [], ranges: [] };
  for (const entry of entries) {
    const range = /[:/]|^[\d.]+$/.test(entry) ? rangeOf(entry) : undefined;
    if (range !== undefined) list.ranges.push(range);
    else list.names.push(nameOf(entry));
  }
  if (namesText(list).length > MOST_NAME_BYTES)
    throw wrong(`${entries[0]} …`, `the names have more than ${MOST_NAME_BYTES} letters`, 'give wider ones');
  return list;
}

/** Ranges in order, those that overlap or touch made one. All of one family. */
export function mergedRanges(ranges: EgressList['ranges']): Array<[first: Buffer, last: Buffer]> {
  const sorted = [...ranges].sort(([a], [b]) => Buffer.compare(a, b));
  const merged: Array<[Buffer, Buffer]> = [];
  for (const [first, last] of sorted) {
    const before = merged.at(-1);
    const next = before === undefined ? undefined : following(before[1]);
    if (before !== undefined && (next === undefined || Buffer.compare(first, next) <= 0)) {
      if (Buffer.compare(last, before[1]) > 0) before[1] = last;
    } else merged.push([first, last]);
  }
  return merged;
}

/** The address behind this one; undefined behind the last there is. */
export function following(address: Buffer): Buffer | undefined {
  const next = Buffer.from(address);
  for (let i = next.length - 1; i >= 0; i--) {
    const value = next[i] ?? 0;
    next[i] = (value + 1) & 255;
    if (value !== 255) return next;
  }
  return undefined;
}

/** The file the resolver reads; see egressFile(). */
export function namesText(list: EgressList): string {
  return list.names.map((name) => `${name}\n`).join('');
}

/** As the resolver decides it: native/dns_egress.c. `name`: lower case, no dot at its end. */
export function allowsName(list: EgressList, name: string): boolean {
  return list.names.some((entry) => entry === name || (entry.startsWith('.') && name.endsWith(entry)));
}
