import { type EgressList, egressList, following, mergedRanges } from './egress-list.ts';
import * as nf from './egress-nft.ts';
import {
  denyRules,
  FAMILIES,
  FOUR,
  LOG_BYTES,
  LOG_GROUP,
  markText,
  ofList,
  openRules,
  outRules,
  rejectRules,
  SIX,
  TABLE,
} from './egress-rules.ts';

/* The table is drawn in egress-rules.ts. */
const DENIED_MS = 24 * 3600 * 1000;
const DENIED_MOST = 4096;
const NAMES_MOST = 16384;

/**
 * What a name never opens, though whoever owns it may let it resolve so: this host, the container's own wire (with
 * 169.254.169.254, where clouds answer with credentials), groups, and the other addresses known for that. An address or
 * range in the list itself opens them.
 */
export const NEVER_BY_NAME = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/3'],
  // Azure, Alibaba Cloud, Oracle Cloud.
  ...['168.63.129.16', '100.100.100.200', '192.0.0.192'],
  ...['::/127', '::ffff:0:0/96', 'fe80::/10', 'ff00::/8'],
  // AWS, its containers too, and Google Cloud, by IPv6.
  ...['fd00:ec2::/32', 'fd20:ce::254'],
  // The same behind NAT64, and 169.254.0.0/16 by 6to4.
  ...['64:ff9b::a9fe:0/112', '64:ff9b::a83f:8110', '64:ff9b::6464:64c8', '64:ff9b::c000:c0'],
  '2002:a9fe::/32',
];

function intervals(ranges: EgressList['ranges'], bytes: number): nf.Element[] {
  return mergedRanges(ranges.filter(([first]) => first.length === bytes)).flatMap(([first, last]) => {
    const end = following(last);
    return [{ key: first }, ...(end === undefined ? [] : [{ key: end, isEnd: true }])];
  });
}

/** A set and its first elements. */
function set(shape: nf.SetShape, elements: nf.Element[] = []): Buffer[] {
  const made = nf.newSet(TABLE, shape);
  return elements.length === 0 ? [made] : [made, nf.addElements(TABLE, shape.name, elements)];
}

/** The sets that stay as they are, whatever the list. */
function lastingSets(): Buffer[] {
  const never = egressList(NEVER_BY_NAME).ranges;
  const flags = nf.SET.TIMEOUT | nf.SET.EVAL;
  return FAMILIES.flatMap(({ suffix, bytes, type }) => {
    const key = [type, nf.TYPE.proto, nf.TYPE.service];
    const limit = { key, flags, timeoutMs: DENIED_MS, size: DENIED_MOST };
    return [
      ...set({ name: `never${suffix}`, key: [type], flags: nf.SET.INTERVAL }, intervals(never, bytes)),
      ...set({ ...limit, name: `denied${suffix}` }),
      ...set({ ...limit, name: `told${suffix}` }),
    ];
  });
}

function setsOfList(list: EgressList, mark: number): Buffer[] {
  return FAMILIES.flatMap(({ suffix, bytes, type }) => {
    const ranges = { name: ofList('ranges', suffix, mark), key: [type], flags: nf.SET.INTERVAL };
    const names = {
      name: ofList('names', suffix, mark),
      key: [type],
      flags: nf.SET.TIMEOUT,
      size: NAMES_MOST,
    };
    return [...set(ranges, intervals(list.ranges, bytes)), ...set(names)];
  });
}

/** A list, or none: everything may go out. */
export type Egress = EgressList | 'any';

/** The whole table of a container that starts. */
export function filterTable(egress: Egress, mark: number): Buffer {
  return nf.batch(
    nf.newTable(TABLE, 'mydocker: an egress list'),
    nf.newChain(TABLE, 'out', { type: 'filter', number: nf.HOOK.OUTPUT, priority: 0 }),
    nf.newChain(TABLE, 'deny'),
    nf.newChain(TABLE, 'reject'),
    ...lastingSets(),
    ...denyRules(),
    ...rejectRules(),
    ...listParts(egress, mark),
  );
}

/** Without a list there are sets too: addresses of names are kept, for a list that may come. */
function listParts(egress: Egress, mark: number): Buffer[] {
  if (egress === 'any') return [...setsOfList({ names: [], ranges: [] }, mark), ...openRules(mark)];
  return [...setsOfList(egress, mark), ...outRules(mark)];
}

/** An address that a name had, and for how long it may still be reached. */
export interface KnownAddress {
  address: Buffer;
  name: string;
  timeoutMs: number;
}

function known(list: readonly KnownAddress[], mark: number): Buffer[] {
  return FAMILIES.flatMap(({ suffix, bytes }) => {
    const own = list
      .filter(({ address }) => address.length === bytes)
      .map(({ address, name, timeoutMs }) => ({ key: address, comment: name, timeoutMs }));
    const messages: Buffer[] = [];
    for (let from = 0; from < own.length; from += nf.MOST_AT_ONCE) {
      const some = own.slice(from, from + nf.MOST_AT_ONCE);
      messages.push(nf.addElements(TABLE, ofList('names', suffix, mark), some));
    }
    return messages;
  });
}

/**
 * Another list in place of one, in one step. `keep`: addresses of names that the new one allows; what was denied so far
 * stays counted.
 */
export function otherList(
  before: number,
  after: { egress: Egress; mark: number; keep: readonly KnownAddress[] },
): Buffer {
  return nf.batch(
    nf.flushChain(TABLE, 'out'),
    // Somebody may have been killed between the file and this: made where they are missing, so that they can be removed.
    ...setsOfList({ names: [], ranges: [] }, before),
    ...FAMILIES.flatMap(({ suffix }) =>
      (['ranges', 'names'] as const).map((kind) => nf.deleteSet(TABLE, ofList(kind, suffix, before))),
    ),
    ...listParts(after.egress, after.mark),
    ...known(after.keep, after.mark),
  );
}

/** Requests for the addresses of names under a list, one after the other. */
export const namesRequests = (mark: number): Buffer[] =>
  FAMILIES.map(({ suffix }) => nf.listElements(TABLE, ofList('names', suffix, mark)));

/** What the monitor sends for an address of an answer, and where in it address, time, mark and name go. */
export interface ElementTemplate {
  message: Buffer;
  addressAt: Buffer;
  timeoutAt: Buffer;
  markAt: Buffer;
  nameAt: Buffer;
}

/** Puts an address into its set for a while; one that is there stays so long from now on. */
export function nameElement(family: 0 | 1): ElementTemplate {
  const { suffix, bytes } = family === 0 ? FOUR : SIX;
  // Bytes that stand nowhere else, to be found again.
  const key = Buffer.alloc(bytes, 0xa5);
  const timeoutMs = 0x5a5a5a5a5a5a;
  const mark = 0xf0e1d2c3;
  const set = ofList('names', suffix, mark);
  const comment = '?'.repeat(nf.COMMENT_BYTES - 1);
  const element = { key, timeoutMs, comment };
  // One that is there would keep its time: taken out and put in again, in one step. Removing asks for one to be there.
  const message = nf.batch(
    nf.addElements(TABLE, set, [element]),
    nf.deleteElements(TABLE, set, [{ key }]),
    nf.addElements(TABLE, set, [element]),
  );
  return {
    message,
    addressAt: offsetsOf(message, key),
    timeoutAt: offsetsOf(message, nf.be64(timeoutMs)),
    markAt: offsetsOf(message, Buffer.from(markText(mark))),
    nameAt: offsetsOf(message, Buffer.from(comment)),
  };
}

function offsetsOf(message: Buffer, what: Buffer): Buffer {
  const found: number[] = [];
  for (let at = message.indexOf(what); at >= 0; at = message.indexOf(what, at + what.length)) found.push(at);
  const out = Buffer.alloc(found.length * 2);
  found.forEach((at, i) => {
    out.writeUInt16LE(at, 2 * i);
  });
  return out;
}

/** What the monitor's second socket asks the kernel for. */
export const hearDenied = (): Buffer => nf.hearLog(LOG_GROUP, LOG_BYTES);

/** Requests for the sets of what was denied, one after the other. */
export const deniedRequests = (): Buffer[] =>
  FAMILIES.map(({ suffix }) => nf.listElements(TABLE, `denied${suffix}`));
export const DENIED_TIMEOUT_MS = DENIED_MS;
