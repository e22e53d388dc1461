import { DENIED_TIMEOUT_MS, type KnownAddress } from './egress-filter.ts';
import { COMMENT_BYTES } from './egress-nft.ts';

/** What the filter rejected to one place. */
export interface DeniedAddress {
  address: string;
  /** "tcp", "udp", "icmp", "ipv6-icmp", or the number. */
  protocol: string;
  /** 0 where the protocol has none. */
  port: number;
  count: number;
  /** Unix milliseconds. */
  lastMs: number;
}

/* nfnetlink's answers to a request for a set's elements; numbers from linux/netfilter/nf_tables.h. */
const NEWSETELEM = (10 << 8) | 12;
const HEAD_BYTES = 20;
const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'ipv6-icmp' };

type Attributes = Map<number, Buffer>;

function attributes(bytes: Buffer): Attributes {
  const found: Attributes = new Map();
  for (const [type, value] of eachAttribute(bytes)) found.set(type, value);
  return found;
}

function* eachAttribute(bytes: Buffer): Generator<[type: number, value: Buffer]> {
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = Math.max(4, bytes.readUInt16LE(at));
    yield [bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length)];
    at += (length + 3) & ~3;
  }
}

const inside = (list: Attributes | undefined, type: number): Attributes | undefined => {
  const value = list?.get(type);
  return value === undefined ? undefined : attributes(value);
};

const u64 = (value: Buffer | undefined): number =>
  value === undefined || value.length < 8 ? 0 : Number(value.readBigUInt64BE(0));

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i));
  // RFC 5952: the longest run of zeros, the first of several, two at least.
  const text = groups.map((group) => group.toString(16)).join(':');
  const runs = [...text.matchAll(/(?<![0-9a-f])0(:0)+(?![0-9a-f])/g)].sort(
    (a, b) => b[0].length - a[0].length || a.index - b.index,
  );
  const [run] = runs;
  if (run === undefined) return text;
  const head = text.slice(0, run.index).replace(/:$/, '');
  const tail = text.slice(run.index + run[0].length).replace(/^:/, '');
  return `${head}::${tail}`;
}

function elementOf(element: Attributes, nowMs: number): DeniedAddress | undefined {
  const key = inside(element, 1)?.get(1);
  if (key === undefined || (key.length !== 12 && key.length !== 24)) return undefined;
  const addressBytes = key.length - 8;
  const protocol = key.readUInt8(addressBytes);
  // One expression, or the list of them that newer kernels give.
  const expression = inside(element, 7) ?? inside(inside(element, 11), 1);
  const counter = inside(expression, 2);
  return {
    address: addressText(key.subarray(0, addressBytes)),
    protocol: PROTOCOLS[protocol] ?? String(protocol),
    port: key.readUInt16BE(addressBytes + 4),
    count: u64(counter?.get(2)),
    // Each packet begins its time anew.
    lastMs: nowMs - Math.max(0, DENIED_TIMEOUT_MS - u64(element.get(5))),
  };
}

/** Every element of the sets that the kernel was asked for. */
function* eachElement(bytes: Buffer): Generator<Attributes> {
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = Math.max(16, bytes.readUInt32LE(at));
    if (bytes.readUInt16LE(at + 4) === NEWSETELEM) {
      const elements = attributes(bytes.subarray(at + HEAD_BYTES, at + length)).get(3);
      for (const [, value] of eachAttribute(elements ?? Buffer.alloc(0))) yield attributes(value);
    }
    at += (length + 3) & ~3;
  }
}

/** What planDenied() printed. */
export function readDenied(bytes: Buffer, nowMs: number): DeniedAddress[] {
  const list = Array.from(eachElement(bytes), (element) => elementOf(element, nowMs));
  return list.filter((element) => element !== undefined);
}

/** What planKnown() printed. One without a name is left out. */
export function readKnown(bytes: Buffer): KnownAddress[] {
  return Array.from(eachElement(bytes), (element) => {
    const comment = element.get(6)?.toString('latin1', 2, 2 + COMMENT_BYTES) ?? '';
    return {
      address: Buffer.from(inside(element, 1)?.get(1) ?? Buffer.alloc(0)),
      name: comment.replace(/\0.*$/s, ''),
      timeoutMs: u64(element.get(5)),
    };
  }).filter(({ name, timeoutMs }) => name !== '' && timeoutMs > 0);
}
