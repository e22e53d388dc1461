import { ipBytes } from './address.ts';
import { addElements, deleteElements, type Element } from './nft.ts';

/** A range of ports of the host and of a container, in the same order. */
export interface PortRange {
  readonly protocol: 'tcp' | 'udp';
  /** An address of the host; "": all of them. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
  readonly count: number;
}

/** Numbers of IP protocols. */
export const IP_PROTOCOL = { tcp: 6, udp: 17 } as const;

/** A port, or the protocol's number, in a concatenation: four bytes, the value first. */
function port(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff, 0, 0]);
}

/** Where packets for a range go: its map, and an element for each port. */
export function elementsOf(range: PortRange, container: Uint8Array): { map: string; list: Element[] } {
  const size = container.length === 4 ? '4' : '6';
  const one = range.hostIp !== '' && !isAny(range.hostIp);
  const before = one ? [ipBytes(range.hostIp)] : [];
  const list = Array.from({ length: range.count }, (_, i) => ({
    key: Buffer.concat([
      ...before,
      Buffer.from([IP_PROTOCOL[range.protocol], 0, 0, 0]),
      port(range.hostPort + i),
    ]),
    value: Buffer.concat([container, port(range.containerPort + i)]),
  }));
  return { map: `${one ? 'one' : 'any'}${size}`, list };
}

/** "0.0.0.0" and "::": all addresses of one family. */
export function isAny(ip: string): boolean {
  return ip === '0.0.0.0' || /^[0:]+$/.test(ip);
}

/** Which of a container's addresses a range leads to: one of the family it is published on. */
export function targetsOf(range: PortRange, addresses: readonly Uint8Array[]): Uint8Array[] {
  if (range.hostIp === '') return [...addresses];
  const length = range.hostIp.includes(':') ? 16 : 4;
  return addresses.filter((address) => address.length === length);
}

/** The address to hold a port on, for packets that go to this address of the container. */
export function heldAddress(range: PortRange, target: Uint8Array): Uint8Array {
  return range.hostIp === '' ? Buffer.alloc(target.length) : ipBytes(range.hostIp);
}

/** Elements come in messages of their own: the kernel takes 64 kB of attributes in one. */
export const ELEMENTS_A_MESSAGE = 512;

function pieces(list: readonly Element[]): Element[][] {
  const out: Element[][] = [];
  for (let at = 0; at < list.length; at += ELEMENTS_A_MESSAGE)
    out.push(list.slice(at, at + ELEMENTS_A_MESSAGE));
  return out;
}

/** A container that publishes ports, and may call itself by them. */
export function selfElement(address: Uint8Array): { set: string; element: Element } {
  return {
    set: address.length === 4 ? 'self4' : 'self6',
    element: { key: Buffer.concat([address, address]) },
  };
}

/** Messages that publish a range, and that take it back. */
export function publishMessages(table: string, range: PortRange, target: Uint8Array): Buffer[] {
  const { map, list } = elementsOf(range, target);
  return pieces(list).map((part) => addElements(table, map, part));
}

export function withdrawMessages(table: string, range: PortRange, target: Uint8Array): Buffer[] {
  const { map, list } = elementsOf(range, target);
  return pieces(list).map((part) =>
    deleteElements(
      table,
      map,
      part.map(({ key }) => ({ key })),
    ),
  );
}
