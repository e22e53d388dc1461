import { attribute, message, messages, NLM, nested } from './netlink.ts';

/*
 * nfnetlink: tables, chains, rules and sets of nftables. Numbers from linux/netfilter/nf_tables.h; numbers in attributes
 * are big-endian, unlike those of rtnetlink.
 */
const SUBSYSTEM = 10;
export const NFT_MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  DELCHAIN: 5,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  DELSET: 11,
  NEWSETELEM: 12,
  GETSETELEM: 13,
  DELSETELEM: 14,
} as const;
const BATCH_BEGIN = 16;
const BATCH_END = 17;

/** Address families of tables. */
export const FAMILY = { inet: 1, ip: 2, ip6: 10 } as const;
export type Family = (typeof FAMILY)[keyof typeof FAMILY];

function be32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeInt32BE(value | 0, 0);
  return out;
}

export function be64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(value), 0);
  return out;
}

/** An attribute whose number is big-endian. */
export const number = (type: number, value: number): Buffer => attribute(type, be32(value));

/** struct nfgenmsg. */
export function head(family: number, resource = 0): Buffer {
  return Buffer.from([family, 0, resource >> 8, resource & 0xff]);
}

/** One message of this subsystem. */
export function nft(type: number, family: number, flags: number, ...attributes: Buffer[]): Buffer {
  return message((SUBSYSTEM << 8) | type, flags, head(family), ...attributes);
}

/** All of these changes, or none. */
export function batch(...list: readonly Buffer[]): Buffer {
  const body = messages(...list.map((one) => Buffer.from(one)));
  const begin = message(BATCH_BEGIN, 0, head(0, SUBSYSTEM));
  const end = message(BATCH_END, 0, head(0, SUBSYSTEM));
  return Buffer.concat([begin, body, end]);
}

/** A table with a mark in it, by which we know it again. Refused when there is one of that name. */
export function newTable(table: string, mark: string): Buffer {
  return nft(
    NFT_MSG.NEWTABLE,
    FAMILY.inet,
    NLM.CREATE | NLM.EXCL,
    attribute(1, table),
    attribute(6, Buffer.from(mark)),
  );
}

export function getTable(table: string): Buffer {
  return messages(nft(NFT_MSG.GETTABLE, FAMILY.inet, 0, attribute(1, table)));
}

export function deleteTable(table: string): Buffer {
  return nft(NFT_MSG.DELTABLE, FAMILY.inet, 0, attribute(1, table));
}

export interface Hook {
  type: 'nat' | 'filter';
  /** Of linux/netfilter.h. */
  number: number;
  priority: number;
}
export const HOOK = { PREROUTING: 0, FORWARD: 2, OUTPUT: 3, POSTROUTING: 4 } as const;

export function newChain(table: string, name: string, hook?: Hook): Buffer {
  const base =
    hook === undefined
      ? []
      : [
          nested(4, number(1, hook.number), number(2, hook.priority)),
          number(5, 1), // NF_ACCEPT: what is not ours passes.
          attribute(7, hook.type),
        ];
  return nft(NFT_MSG.NEWCHAIN, FAMILY.inet, NLM.CREATE, attribute(1, table), attribute(3, name), ...base);
}

/** A rule at the end of its chain. */
export function newRule(table: string, chain: string, ...expressions: Buffer[]): Buffer {
  return nft(
    NFT_MSG.NEWRULE,
    FAMILY.inet,
    NLM.CREATE | NLM.APPEND,
    attribute(1, table),
    attribute(2, chain),
    nested(4, ...expressions),
  );
}

/** All rules of a chain go. */
export function flushChain(table: string, chain: string): Buffer {
  return nft(NFT_MSG.DELRULE, FAMILY.inet, 0, attribute(1, table), attribute(2, chain));
}

/** Types as nft(8) knows them (its datatype.h), for listing. A concatenation has six bits for each. */
export const TYPE = { ipv4: 7, ipv6: 8, proto: 12, service: 13, ifname: 41 } as const;
const concatenated = (...types: readonly number[]): number =>
  types.reduce((sum, type) => (sum << 6) | type, 0);
const BYTES: Readonly<Record<number, number>> = { 7: 4, 8: 16, 12: 4, 13: 4, 41: 16 };
const bytesOf = (types: readonly number[]): number =>
  types.length === 1 && types[0] === TYPE.ifname
    ? 16
    : types.reduce((sum, type) => sum + (BYTES[type] ?? 4), 0);

/** Flags of sets. */
export const SET = { INTERVAL: 4, MAP: 8, TIMEOUT: 0x10, EVAL: 0x20 } as const;

export interface SetShape {
  name: string;
  key: readonly number[];
  /** Beside SET.MAP, which follows from `value`. */
  flags?: number;
  /** How long an element stays that says nothing itself. */
  timeoutMs?: number;
  /** Most elements. */
  size?: number;
  /** A map's values. */
  value?: readonly number[];
}

let setNumber = 0;

/** A set, or with `value` a map. */
export function newSet(table: string, shape: SetShape): Buffer {
  const { value } = shape;
  const map = value === undefined ? [] : [number(6, concatenated(...value)), number(7, bytesOf(value))];
  return nft(
    NFT_MSG.NEWSET,
    FAMILY.inet,
    NLM.CREATE,
    attribute(1, table),
    attribute(2, shape.name),
    number(3, (value === undefined ? 0 : SET.MAP) | (shape.flags ?? 0)),
    number(4, concatenated(...shape.key)),
    number(5, bytesOf(shape.key)),
    ...map,
    ...(shape.size === undefined ? [] : [nested(9, number(1, shape.size))]),
    number(10, ++setNumber),
    ...(shape.timeoutMs === undefined ? [] : [attribute(11, be64(shape.timeoutMs))]),
    // For nft(8), to print a lone name: NFTNL_UDATA_SET_KEYBYTEORDER, 4 bytes, host's order.
    ...(shape.key.length === 1 && shape.key[0] === TYPE.ifname
      ? [attribute(13, Buffer.from([0, 4, 1, 0, 0, 0]))]
      : []),
  );
}

export function deleteSet(table: string, set: string): Buffer {
  return nft(NFT_MSG.DELSET, FAMILY.inet, 0, attribute(1, table), attribute(2, set));
}

export interface Element {
  key: Uint8Array;
  value?: Uint8Array;
  /** The first key behind an interval. */
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
  const items = list.map(({ key, value, isEnd, timeoutMs, comment }) =>
    nested(
      1,
      nested(1, attribute(1, key)),
      ...(value === undefined ? [] : [nested(2, attribute(1, value))]),
      ...(isEnd === true ? [number(3, 1)] : []),
      ...(timeoutMs === undefined ? [] : [attribute(4, be64(timeoutMs))]),
      ...(comment === undefined ? [] : [attribute(6, commentBytes(comment))]),
    ),
  );
  return nft(type, FAMILY.inet, flags, attribute(1, table), attribute(2, set), nested(3, ...items));
}

/** Elements of a set or map; there already with the same value: no failure. */
export function addElements(table: string, set: string, list: readonly Element[]): Buffer {
  return elements(NFT_MSG.NEWSETELEM, NLM.CREATE, table, set, list);
}

/** ENOENT when one of them is not there. */
export function deleteElements(table: string, set: string, list: readonly Element[]): Buffer {
  return elements(NFT_MSG.DELSETELEM, 0, table, set, list);
}

/** An interface's name as the kernel compares it. */
export function ifname(name: string): Buffer {
  const out = Buffer.alloc(16);
  out.write(name, 'latin1');
  return out;
}

/* Expressions. Registers: 1 holds 16 bytes; 8, 9 … four bytes each of the same room. */

export function expression(name: string, ...attributes: Buffer[]): Buffer {
  return nested(1, attribute(1, name), nested(2, ...attributes));
}

/** Keys of `meta`. */
export const META = { iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
export const META_NFPROTO = { ipv4: Buffer.from([2]), ipv6: Buffer.from([10]) } as const;

export const meta = (key: number, register = 8): Buffer =>
  expression('meta', number(1, register), number(2, key));
export const same = (value: Uint8Array, register = 8): Buffer =>
  expression('cmp', number(1, register), number(2, 0), nested(3, attribute(1, value)));
export const differs = (value: Uint8Array, register = 8): Buffer =>
  expression('cmp', number(1, register), number(2, 1), nested(3, attribute(1, value)));
/** `base`: 1 network header, 2 transport header. */
export const payload = (base: 1 | 2, offset: number, bytes: number, register = 8): Buffer =>
  expression('payload', number(1, register), number(2, base), number(3, offset), number(4, bytes));
export const inSet = (set: string, register = 8): Buffer =>
  expression('lookup', attribute(1, set), number(2, register));
export const notInSet = (set: string, register = 8): Buffer =>
  expression('lookup', attribute(1, set), number(2, register), number(5, 1));
/** A map's value replaces its key. */
export const mapped = (set: string, register = 8): Buffer =>
  expression('lookup', attribute(1, set), number(2, register), number(3, register));
export const mask = (bits: Uint8Array, register = 8): Buffer =>
  expression(
    'bitwise',
    number(1, register),
    number(2, register),
    number(3, bits.length),
    nested(4, attribute(1, bits)),
    nested(5, attribute(1, Buffer.alloc(bits.length))),
  );
/** Keys of `ct`: 0 state, 1 direction, 2 status, 3 mark. */
export const conntrack = (key: number, register = 8): Buffer =>
  expression('ct', number(1, register), number(2, key));
/** The kind of the destination address: RTN_LOCAL is 2. */
export const destinationKind = (register = 8): Buffer =>
  expression('fib', number(1, register), number(2, 3), number(3, 2));
export const dnat = (family: Family, address: number, port: number): Buffer =>
  expression('nat', number(1, 1), number(2, family), number(3, address), number(5, port));
/** Refused at once: a reset for TCP, "port unreachable" for all else. */
export const rejectTcp = (): Buffer => expression('reject', number(1, 1));
export const reject = (): Buffer => expression('reject', number(1, 2), attribute(2, Buffer.from([1])));
export const masquerade = (): Buffer => expression('masq');

const verdict = (code: number, chain?: string): Buffer =>
  expression(
    'immediate',
    number(1, 0),
    nested(2, nested(2, number(1, code), ...(chain === undefined ? [] : [attribute(2, chain)]))),
  );
export const accept = (): Buffer => verdict(1);
export const drop = (): Buffer => verdict(0);
/** Back to the chain that jumped here. */
export const back = (): Buffer => verdict(-5);
export const jump = (chain: string): Buffer => verdict(-3, chain);
export const goTo = (chain: string): Buffer => verdict(-4, chain);
