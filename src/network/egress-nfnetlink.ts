/*
 * nfnetlink messages for a table of its own in a container's network namespace. Numbers from linux/netfilter/nf_tables.h;
 * numbers in attributes are big-endian, data for registers is as the kernel compares it.
 */
const SUBSYSTEM = 10;
export const NFT = {
  NEWTABLE: 0,
  NEWCHAIN: 3,
  NEWRULE: 6,
  DELRULE: 8,
  NEWSET: 9,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
} as const;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const NLM_F = { REQUEST: 1, ACK: 4, DUMP: 0x300, CREATE: 0x400, APPEND: 0x800 } as const;
const INET = 1;
const HEAD_BYTES = 20;
const NESTED = 0x8000;

const padded = (bytes: number): number => (bytes + 3) & ~3;

export function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value >>> 0, 0);
  return out;
}

/** As registers have numbers that the kernel itself puts there. */
export function own32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0, 0);
  return out;
}

export function u64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value), 0);
  return out;
}

/** A string ends in NUL. */
export function attr(type: number, value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`, 'latin1') : value;
  const out = Buffer.alloc(padded(4 + bytes.length));
  out.writeUInt16LE(4 + bytes.length, 0);
  out.writeUInt16LE(type, 2);
  out.set(bytes, 4);
  return out;
}

export const nest = (type: number, ...inner: Buffer[]): Buffer => attr(type | NESTED, Buffer.concat(inner));

function whole(type: number, flags: number, family: number, resource: number, body: Buffer): Buffer {
  const out = Buffer.alloc(HEAD_BYTES + body.length);
  out.writeUInt32LE(out.length, 0);
  out.writeUInt16LE(type, 4);
  out.writeUInt16LE(flags | NLM_F.REQUEST, 6);
  out.writeUInt8(family, 16);
  out.writeUInt16BE(resource, 18);
  out.set(body, HEAD_BYTES);
  return out;
}

const nft = (type: number, flags: number, ...attributes: Buffer[]): Buffer =>
  whole((SUBSYSTEM << 8) | type, flags, INET, 0, Buffer.concat(attributes));

/** All of these changes, or none; the last is answered, of the others only a refusal. */
export function batch(list: readonly Buffer[]): Buffer {
  const last = list.at(-1);
  const changes = list.map((one) => {
    const copy = Buffer.from(one);
    if (one === last) copy.writeUInt16LE(copy.readUInt16LE(6) | NLM_F.ACK, 6);
    return copy;
  });
  const none = Buffer.alloc(0);
  const begin = whole(BATCH_BEGIN, 0, 0, SUBSYSTEM, none);
  const end = whole(BATCH_END, 0, 0, SUBSYSTEM, none);
  const all = [begin, ...changes, end];
  all.forEach((one, i) => {
    one.writeUInt32LE(i + 1, 8);
  });
  return Buffer.concat(all);
}

export const newTable = (table: string): Buffer => nft(NFT.NEWTABLE, NLM_F.CREATE, attr(1, table));

/** `hook`: its number in linux/netfilter.h. */
export function newChain(table: string, chain: string, hook?: number): Buffer {
  const base =
    hook === undefined
      ? []
      : [nest(4, attr(1, u32(hook)), attr(2, u32(0))), attr(5, u32(1)), attr(7, 'filter')];
  return nft(NFT.NEWCHAIN, NLM_F.CREATE, attr(1, table), attr(3, chain), ...base);
}

export const newRule = (table: string, chain: string, ...expressions: Buffer[]): Buffer =>
  nft(NFT.NEWRULE, NLM_F.CREATE | NLM_F.APPEND, attr(1, table), attr(2, chain), nest(4, ...expressions));

/** All rules of a chain. */
export const deleteRules = (table: string, chain: string): Buffer =>
  nft(NFT.DELRULE, 0, attr(1, table), attr(2, chain));

export const SET = { INTERVAL: 4, TIMEOUT: 0x10, EVAL: 0x20 } as const;

export interface SetShape {
  name: string;
  flags: number;
  keyBytes: number;
  /** As nft(8) knows its types, for listing: six bits each. */
  keyType: number;
  timeoutMs?: number;
  /** Most elements. */
  size?: number;
}

export function newSet(table: string, shape: SetShape, id: number): Buffer {
  return nft(
    NFT.NEWSET,
    NLM_F.CREATE,
    attr(1, table),
    attr(2, shape.name),
    attr(3, u32(shape.flags)),
    attr(4, u32(shape.keyType)),
    attr(5, u32(shape.keyBytes)),
    ...(shape.size === undefined ? [] : [nest(9, attr(1, u32(shape.size)))]),
    attr(10, u32(id)),
    ...(shape.timeoutMs === undefined ? [] : [attr(11, u64(shape.timeoutMs))]),
  );
}

export const deleteSet = (table: string, set: string): Buffer =>
  nft(NFT.DELSET, 0, attr(1, table), attr(2, set));

export interface Element {
  key: Uint8Array;
  /** The first address behind an interval. */
  isEnd?: boolean;
  timeoutMs?: number;
  /** As nft(8) shows it. */
  comment?: string;
}

/** libnftnl's user data: one comment, type 0, its length, text to a NUL. Of fixed length, so that a name may be put in. */
export const COMMENT_BYTES = 128;
function commentBytes(text: string): Buffer {
  const out = Buffer.alloc(2 + COMMENT_BYTES);
  out.writeUInt8(COMMENT_BYTES, 1);
  out.write(text, 2, COMMENT_BYTES - 1, 'latin1');
  return out;
}

/** An attribute, the list of a message's elements too, has less than 64 kB. */
export const MOST_AT_ONCE = 256;

function elements(type: number, flags: number, table: string, set: string, list: readonly Element[]): Buffer {
  const items = list.map(({ key, isEnd, timeoutMs, comment }) =>
    nest(
      1,
      nest(1, attr(1, key)),
      ...(isEnd === true ? [attr(3, u32(1))] : []),
      ...(timeoutMs === undefined ? [] : [attr(4, u64(timeoutMs))]),
      ...(comment === undefined ? [] : [attr(6, commentBytes(comment))]),
    ),
  );
  return nft(type, flags, attr(1, table), attr(2, set), nest(3, ...items));
}

export const addElements = (table: string, set: string, list: readonly Element[]): Buffer =>
  elements(NFT.NEWSETELEM, NLM_F.CREATE, table, set, list);
export const deleteElements = (table: string, set: string, list: readonly Element[]): Buffer =>
  elements(NFT.DELSETELEM, 0, table, set, list);

/** A request for all elements of a set. */
export const listElements = (table: string, set: string): Buffer =>
  nft(NFT.GETSETELEM, NLM_F.DUMP | NLM_F.ACK, attr(1, table), attr(2, set));

/* Expressions. Registers 8, 9 … hold four bytes each. */

const expression = (name: string, ...attributes: Buffer[]): Buffer =>
  nest(1, attr(1, name), nest(2, ...attributes));

const data = (type: number, value: Uint8Array): Buffer => nest(type, attr(1, value));

export const META = { mark: 3, oif: 5, nfproto: 15, l4proto: 16 } as const;
export const meta = (key: number, register = 8): Buffer =>
  expression('meta', attr(1, u32(register)), attr(2, u32(key)));
const compare = (how: number, value: Uint8Array, register: number): Buffer =>
  expression('cmp', attr(1, u32(register)), attr(2, u32(how)), data(3, value));
export const same = (value: Uint8Array, register = 8): Buffer => compare(0, value, register);
export const differs = (value: Uint8Array, register = 8): Buffer => compare(1, value, register);
/** `base`: 1 network header, 2 transport header. */
export const payload = (base: 1 | 2, offset: number, bytes: number, register = 8): Buffer =>
  expression(
    'payload',
    attr(1, u32(register)),
    attr(2, u32(base)),
    attr(3, u32(offset)),
    attr(4, u32(bytes)),
  );
export const mask = (bits: Uint8Array, register = 8): Buffer =>
  expression(
    'bitwise',
    attr(1, u32(register)),
    attr(2, u32(register)),
    attr(3, u32(bits.length)),
    data(4, bits),
    data(5, Buffer.alloc(bits.length)),
  );
export const CT = { state: 0, direction: 1, mark: 3 } as const;
export const conntrack = (key: number, register = 8): Buffer =>
  expression('ct', attr(1, u32(register)), attr(2, u32(key)));
export const setConntrack = (key: number, register = 8): Buffer =>
  expression('ct', attr(2, u32(key)), attr(4, u32(register)));
export const load = (value: Uint8Array, register = 8): Buffer =>
  expression('immediate', attr(1, u32(register)), data(2, value));
export const inSet = (set: string, register = 8): Buffer =>
  expression('lookup', attr(1, set), attr(2, u32(register)));
const dynamic = (set: string, ...more: Buffer[]): Buffer =>
  expression('dynset', attr(1, set), attr(3, u32(1)), attr(4, u32(8)), ...more);
/**
 * Puts the key in register 8 into a set with a counter; one that is there is counted, and its time begins anew. Such a set
 * must not be looked into by rules: that counts, too.
 */
export const countIn = (set: string): Buffer => dynamic(set, nest(7, attr(1, 'counter'), nest(2)));
/** The same without a counter. */
export const putIn = (set: string): Buffer => dynamic(set);
/** 1 when an IPv6 packet has that extension header. */
export const hasHeader = (kind: number, register = 8): Buffer =>
  expression(
    'exthdr',
    attr(1, u32(register)),
    attr(2, Buffer.from([kind])),
    attr(3, u32(0)),
    attr(4, u32(1)),
    attr(5, u32(1)),
  );
/** To whoever listens to that group of nfnetlink_log, the packet's first bytes; each at once, not a hundred together. */
export const log = (group: number, bytes: number): Buffer =>
  expression(
    'log',
    attr(1, Buffer.from([group >> 8, group & 255])),
    attr(3, u32(bytes)),
    attr(4, Buffer.from([0, 1])),
  );
export const resetTcp = (): Buffer => expression('reject', attr(1, u32(1)), attr(2, Buffer.from([0])));
/** ICMP or ICMPv6 "administratively prohibited". */
export const prohibit = (): Buffer => expression('reject', attr(1, u32(2)), attr(2, Buffer.from([3])));
const verdict = (code: number, chain?: string): Buffer =>
  expression(
    'immediate',
    attr(1, u32(0)),
    nest(2, nest(2, attr(1, u32(code)), ...(chain === undefined ? [] : [attr(2, chain)]))),
  );
export const accept = (): Buffer => verdict(1);
export const goTo = (chain: string): Buffer => verdict(-4, chain);

/** nfnetlink_log: this socket hears a group, of each packet so many bytes. */
export function hearLog(group: number, bytes: number): Buffer {
  const ULOG_CONFIG = (4 << 8) | 1;
  const command = attr(1, Buffer.from([1]));
  const mode = attr(2, Buffer.concat([u32(bytes), Buffer.from([2, 0])]));
  const list = [command, mode].map((body) => whole(ULOG_CONFIG, NLM_F.ACK, 0, group, body));
  list.forEach((one, i) => {
    one.writeUInt32LE(i + 1, 8);
  });
  return Buffer.concat(list);
}
