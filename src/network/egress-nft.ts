/** What egress lists need of nfnetlink beside nft.ts. Numbers from linux/netfilter/nf_tables.h. */
import { attribute, message, messages, NLM, nested } from './netlink.ts';
import { expression, FAMILY, head, NFT_MSG, nft, number } from './nft.ts';

export * from './nft.ts';

/** As registers have numbers that the kernel itself puts there. */
export function own32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value >>> 0, 0);
  return out;
}

/** A request for all elements of a set. */
export const listElements = (table: string, set: string): Buffer =>
  nft(NFT_MSG.GETSETELEM, FAMILY.inet, NLM.DUMP | NLM.ACK, attribute(1, table), attribute(2, set));

/** Key of `meta`: the interface a packet leaves by, its number. */
export const OIF = 5;
/** Keys of `ct`. */
export const CT = { state: 0, direction: 1, mark: 3 } as const;
export const setConntrack = (key: number, register = 8): Buffer =>
  expression('ct', number(2, key), number(4, register));
export const load = (value: Uint8Array, register = 8): Buffer =>
  expression('immediate', number(1, register), nested(2, attribute(1, value)));

const dynamic = (set: string, ...more: Buffer[]): Buffer =>
  expression('dynset', attribute(1, set), number(3, 1), number(4, 8), ...more);
/**
 * Puts the key in register 8 into a set with a counter; one that is there is counted, and its time begins anew. Such a set
 * must not be looked into by rules: that counts, too.
 */
export const countIn = (set: string): Buffer => dynamic(set, nested(7, attribute(1, 'counter'), nested(2)));
/** The same without a counter. */
export const putIn = (set: string): Buffer => dynamic(set);

/** 1 when an IPv6 packet has that extension header. */
export const hasHeader = (kind: number, register = 8): Buffer =>
  expression(
    'exthdr',
    number(1, register),
    attribute(2, Buffer.from([kind])),
    number(3, 0),
    number(4, 1),
    number(5, 1),
  );
/** To whoever listens to that group of nfnetlink_log, the packet's first bytes; each at once, not a hundred together. */
export const log = (group: number, bytes: number): Buffer =>
  expression(
    'log',
    attribute(1, Buffer.from([group >> 8, group & 255])),
    number(3, bytes),
    attribute(4, Buffer.from([0, 1])),
  );
/** ICMP or ICMPv6 "administratively prohibited". */
export const prohibit = (): Buffer => expression('reject', number(1, 2), attribute(2, Buffer.from([3])));

/** nfnetlink_log: this socket hears a group, of each packet so many bytes. */
export function hearLog(group: number, bytes: number): Buffer {
  const ULOG_CONFIG = (4 << 8) | 1;
  const most = Buffer.alloc(6);
  most.writeUInt32BE(bytes, 0);
  most.writeUInt8(2, 4);
  const ask = (type: number, value: Buffer): Buffer =>
    message(ULOG_CONFIG, NLM.ACK, head(0, group), attribute(type, value));
  return messages(ask(1, Buffer.from([1])), ask(2, most));
}
