/** Netlink messages in words, as `explain` prints them. */
import { messageName, netlinkFlags } from './names.ts';
import type { Action } from './step.ts';

const quote = (text: string): string => JSON.stringify(text);

const NFT: Readonly<Record<number, string>> = {
  0: 'NEWTABLE',
  1: 'GETTABLE',
  2: 'DELTABLE',
  3: 'NEWCHAIN',
  4: 'GETCHAIN',
  6: 'NEWRULE',
  7: 'GETRULE',
  8: 'DELRULE',
  9: 'NEWSET',
  11: 'DELSET',
  12: 'NEWSETELEM',
  13: 'GETSETELEM',
  14: 'DELSETELEM',
};
const NETFILTER = 12;
const BATCH_BEGIN = 16;
const BATCH_END = 17;

interface Message {
  type: number;
  flags: number;
  at: number;
  length: number;
}

function* split(bytes: Buffer): Generator<Message> {
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = Math.max(16, bytes.readUInt32LE(at));
    yield { type: bytes.readUInt16LE(at + 4), flags: bytes.readUInt16LE(at + 6), at, length };
    at += (length + 3) & ~3;
  }
}

/** First attribute of this type behind a fixed part, as text. */
function textOf(bytes: Buffer, from: number, end: number, type: number): string | undefined {
  for (let at = from; at + 4 <= end && at + 4 <= bytes.length; ) {
    const length = Math.max(4, bytes.readUInt16LE(at));
    if ((bytes.readUInt16LE(at + 2) & 0x3fff) === type)
      return bytes.toString('latin1', at + 4, at + length).replace(/\0.*$/s, '');
    at += (length + 3) & ~3;
  }
  return undefined;
}

/** nftables: how many of what, in which order. */
function netfilter(bytes: Buffer): string {
  const parts: Array<{ name: string; what: string; count: number }> = [];
  for (const { type, at, length } of split(bytes)) {
    if (type === BATCH_BEGIN || type === BATCH_END) continue;
    const kind = NFT[type & 0xff] ?? String(type & 0xff);
    // Set elements name table and set; the rest of interest is the table.
    const what = textOf(bytes, at + 20, at + length, kind.endsWith('SETELEM') ? 2 : 1) ?? '';
    const last = parts.at(-1);
    if (last !== undefined && last.name === kind && last.what === what) last.count++;
    else parts.push({ name: kind, what, count: 1 });
  }
  return parts
    .map(
      ({ name, what, count }) =>
        `${count === 1 ? '' : `${count} × `}NFT_MSG_${name}${what === '' ? '' : ` ${what}`}`,
    )
    .join(', ');
}

function state(flags: number, change: number): string {
  if ((change & 1) === 0) return '';
  return (flags & 1) === 1 ? ' up' : ' down';
}

function link(bytes: Buffer, { at, length }: Message): string {
  const index = bytes.readInt32LE(at + 20);
  const name = textOf(bytes, at + 32, at + length, 3) ?? (index === 1 ? 'lo' : `interface ${index}`);
  return ` ${name}${state(bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 28))}`;
}

/** rtnetlink(7): each message's head, and for links which interface is set up or down. */
export function netlinkText(protocol: number, message: Uint8Array | string): string {
  const bytes = Buffer.from(message);
  if (protocol === NETFILTER) return netfilter(bytes);
  const parts = [...split(bytes)].map((one) => {
    const isLink = one.type >= 16 && one.type <= 18 && one.length >= 32;
    return `{${messageName(one.type)} ${netlinkFlags(one.flags)}${isLink ? link(bytes, one) : ''}, ${one.length} bytes}`;
  });
  return parts.join(', ');
}

/** An address of 4 or 16 bytes; others as they are. */
export function addressText(address: Uint8Array | string): string {
  const bytes = Buffer.from(address);
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return bytes.toString('hex');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  return `[${groups
    .join(':')
    .replace(/\b(?:0(?::0)+)\b/, ':')
    .replace(':::', '::')
    .replace(/^:$/, '::')}]`;
}

/** "8080/tcp on 0.0.0.0". */
export function portText(a: {
  protocol: number;
  address: Uint8Array | string;
  port: number;
  count: number;
}): string {
  const ports = a.count === 1 ? `${a.port}` : `${a.port}-${a.port + a.count - 1}`;
  return `${addressText(a.address)}:${ports}/${a.protocol === 6 ? 'tcp' : 'udp'}`;
}

/** Text where it is text, else hexadecimal. */
function expected(bytes: Uint8Array | string): string {
  const text = Buffer.from(bytes).toString('latin1');
  return /^[\x20-\x7e]*$/.test(text) ? quote(text) : `0x${Buffer.from(bytes).toString('hex')}`;
}

const protocolName = (protocol: number): string => (protocol === 12 ? 'NETLINK_NETFILTER' : 'NETLINK_ROUTE');

/** Interfaces, rules, ports and names of networks: codes from 120. */
export function wireText(a: Action): string | undefined {
  switch (a.op) {
    case 'netlink-send': {
      const blanks = [
        ...(a.linkAt.length === 0 ? [] : [`the number of ${a.link}`]),
        ...(a.pidAt.length === 0 ? [] : ['the pid of the child']),
      ];
      const filled = blanks.length === 0 ? '' : `, with ${blanks.join(' and ')}`;
      return `sendto(${protocolName(a.protocol)}, ${netlinkText(a.protocol, a.messages)}${filled})`;
    }
    case 'netlink-into':
      return `sendto(NETLINK_ROUTE, ${netlinkText(0, a.messages)}, with the number of ${a.link} and the namespace in slot ${a.slot})`;
    case 'delete-link':
      return `sendto(NETLINK_ROUTE, ${netlinkText(0, a.messages)}), by another process${a.wait === 0 ? '' : '; waits until it is out of sight'}`;
    case 'await-link':
      return `ioctl(SIOCGIFNAME) until there is no ${a.name}`;
    case 'turn':
      return `open(${quote(a.directory)}), flock(LOCK_EX)`;
    case 'netlink-check':
      return `sendto(${protocolName(a.protocol)}, ${netlinkText(a.protocol, a.question)}), recv: holds ${expected(a.expect)}`;
    case 'netlink-each':
      return `sendto(${protocolName(a.protocol)}, ${netlinkText(a.protocol, a.question)}), recv; for each that holds ${expected(a.expect)}: sendto(${netlinkText(a.protocol, a.messages)})`;
    case 'forget-flows':
      return `sendto(NETLINK_NETFILTER, IPCTNL_MSG_CT_GET), recv; for each ${a.reply === 0 ? 'to' : 'answered from'} ${portText({ ...a, address: a.ip, port: a.first })}: sendto(IPCTNL_MSG_CT_DELETE)`;
    case 'hold-port':
      return `socket, bind, listen(${portText(a)})`;
    case 'release-port':
      return `close(${portText(a)})`;
    case 'unlink-ports':
      return `unlink(${quote(`${a.prefix}${a.first}`)}${a.count === 1 ? '' : ` to …${a.first + a.count - 1}`}, if it still says ${quote(a.text)})`;
    case 'name-link':
      return `mkdir(${quote(a.directory)}), symlink(${quote(a.text)}, ${quote(`${a.directory}/${a.file}`)})`;
    case 'name-unlink':
      return `unlink(${quote(`${a.directory}/${a.file}`)}), rmdir(if empty)`;
    default:
      return undefined;
  }
}
