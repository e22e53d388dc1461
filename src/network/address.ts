/** IP addresses as bytes (4 or 16, network order) and as text; subnets. */

import { parseIp } from '../base/index.ts';

export { parseIp };

/** The bytes of an address that was checked before. */
export function ipBytes(text: string): Buffer {
  const bytes = parseIp(text);
  if (bytes === undefined) throw new TypeError(`${text} is no address`);
  return bytes;
}

/** RFC 5952: lower case, the longest run of zeros as "::". */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const view = Buffer.from(bytes);
  const list = Array.from({ length: 8 }, (_, i) => view.readUInt16BE(i * 2).toString(16));
  let best = { at: 0, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && list[at + length] === '0') length++;
    if (length > best.length) best = { at, length };
  }
  if (best.length === 1) return list.join(':');
  return `${list.slice(0, best.at).join(':')}::${list.slice(best.at + best.length).join(':')}`;
}

const toNumber = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);

function toBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}

/** A range of addresses that begins at a multiple of its size. */
export interface Subnet {
  /** The first address. */
  readonly base: Buffer;
  readonly prefix: number;
}

const bitsOf = (bytes: Uint8Array): number => bytes.length * 8;

/** How many addresses a subnet has. */
export function sizeOf(subnet: Subnet): bigint {
  return 1n << BigInt(bitsOf(subnet.base) - subnet.prefix);
}

function maskOf(bits: number, prefix: number): bigint {
  return ((1n << BigInt(prefix)) - 1n) << BigInt(bits - prefix);
}

/** The subnet of this prefix that an address lies in. */
export function subnetOf(address: Uint8Array, prefix: number): Subnet {
  const value = toNumber(address) & maskOf(bitsOf(address), prefix);
  return { base: toBytes(value, address.length), prefix };
}

/** "10.1.0.0/16"; undefined when the text is no subnet. Bits behind the prefix must be zero. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const base = parseIp(address);
  if (base === undefined || Number(prefix) > bitsOf(base)) return undefined;
  const subnet = subnetOf(base, Number(prefix));
  return subnet.base.equals(base) ? subnet : undefined;
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatIp(subnet.base)}/${subnet.prefix}`;
}

/** The address `offset` behind the first; a negative one counts from behind the last. */
export function addressAt(subnet: Subnet, offset: bigint): Buffer {
  const from = offset < 0n ? sizeOf(subnet) + offset : offset;
  return toBytes(toNumber(subnet.base) + from, subnet.base.length);
}

export function contains(subnet: Subnet, address: Uint8Array): boolean {
  if (address.length !== subnet.base.length) return false;
  return subnetOf(address, subnet.prefix).base.equals(subnet.base);
}

export function overlap(a: Subnet, b: Subnet): boolean {
  if (a.base.length !== b.base.length) return false;
  return a.prefix <= b.prefix ? contains(a, b.base) : contains(b, a.base);
}

/** The offset of an address in its subnet. */
export function offsetOf(subnet: Subnet, address: Uint8Array): bigint {
  return toNumber(address) - toNumber(subnet.base);
}
