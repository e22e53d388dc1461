/** netlink(7): messages and their attributes, all numbers little-endian unless said otherwise. */

export const NLM = {
  REQUEST: 1,
  ACK: 4,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
  DUMP: 0x300,
} as const;
/** Protocols of AF_NETLINK. */
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const NESTED = 0x8000;
export const HEADER_BYTES = 16;

const padded = (bytes: number): number => (bytes + 3) & ~3;

/** One attribute: length, type, value, padded to four bytes. A number is a u32, a string ends in NUL. */
export function attribute(type: number, value: Uint8Array | number | string): Buffer {
  const size = typeof value === 'number' ? 4 : value.length + (typeof value === 'string' ? 1 : 0);
  const out = Buffer.alloc(padded(4 + size));
  out.writeUInt16LE(4 + size, 0);
  out.writeUInt16LE(type, 2);
  if (typeof value === 'number') out.writeUInt32LE(value >>> 0, 4);
  else if (typeof value === 'string') out.write(value, 4, 'latin1');
  else out.set(value, 4);
  return out;
}

/** An attribute that holds others. */
export function nested(type: number, ...inner: readonly Uint8Array[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(inner));
}

/** A whole message; its number and whether it asks for an answer are set by messages(). */
export function message(
  type: number,
  flags: number,
  body: Uint8Array,
  ...attributes: readonly Uint8Array[]
): Buffer {
  const rest = Buffer.concat([body, ...attributes]);
  const out = Buffer.alloc(HEADER_BYTES + rest.length);
  out.writeUInt32LE(out.length, 0);
  out.writeUInt16LE(type, 4);
  out.writeUInt16LE(flags | NLM.REQUEST, 6);
  out.set(rest, HEADER_BYTES);
  return out;
}

/** Numbers messages and puts them together. The last is answered; of the others only a refusal is told. */
export function messages(...list: readonly Buffer[]): Buffer {
  for (const [i, one] of list.entries()) {
    one.writeUInt32LE(i + 1, 8);
    if (i === list.length - 1) one.writeUInt16LE(one.readUInt16LE(6) | NLM.ACK, 6);
  }
  return Buffer.concat(list);
}

/** u32s as bytes: the places of a message that the shim fills in. */
export function places(...offsets: readonly number[]): Buffer {
  const out = Buffer.alloc(offsets.length * 4);
  for (const [i, offset] of offsets.entries()) out.writeUInt32LE(offset, i * 4);
  return out;
}

export const NOTHING = Buffer.alloc(0);
