import { readFileSync } from 'node:fs';
import { badInput, errnoOf } from '../base/index.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const DNS_PORT = 53;
/** struct dns_server, native/dns.h. */
const SERVER_BYTES = 24;
const MOST_SERVERS = 6;

function four(text: string): Buffer | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  return parts === undefined || parts.some((part) => part > 255) ? undefined : Buffer.from(parts);
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const tail = last.includes('.') ? four(last) : undefined;
  const head = tail === undefined ? parts : parts.slice(0, -1);
  if (head.some((part) => !/^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const numbers = head.map((part) => Number.parseInt(part, 16));
  return tail === undefined ? numbers : [...numbers, tail.readUInt16BE(0), tail.readUInt16BE(2)];
}

function six(text: string): Buffer | undefined {
  const halves = text.split('::');
  const [left, right] = [groupsOf(halves[0] ?? ''), groupsOf(halves[1] ?? '')];
  if (halves.length > 2 || left === undefined || right === undefined) return undefined;
  const gap = 8 - left.length - right.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined;
  const out = Buffer.alloc(16);
  [...left, ...Array.from({ length: gap }, () => 0), ...right].forEach((group, i) => {
    out.writeUInt16BE(group, i * 2);
  });
  return out;
}

/** The index of an interface of the host, 0 when there is none of that name. */
function interfaceIndex(name: string): number {
  if (/^\d+$/.test(name)) return Number(name);
  try {
    return Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'latin1'));
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return 0;
  }
}

/** The bytes of an address, 4 or 16; undefined when it is none. */
export function parseIp(text: string): Buffer | undefined {
  return text.includes(':') ? six(text) : four(text);
}

function encodeServer(text: string): Buffer | undefined {
  const [address = '', scope] = text.split('%');
  const bytes = parseIp(address);
  if (bytes === undefined || (scope !== undefined && bytes.length !== 16)) return undefined;
  const out = Buffer.alloc(SERVER_BYTES);
  out.writeUInt16LE(bytes.length === 4 ? AF_INET : AF_INET6, 0);
  out.writeUInt16LE(DNS_PORT, 2);
  out.writeUInt32LE(scope === undefined ? 0 : interfaceIndex(scope), 4);
  out.set(bytes, 8);
  return out;
}

/** True for an IPv4 or IPv6 address, the latter with or without "%interface". */
export function isServer(text: string): boolean {
  return encodeServer(text) !== undefined;
}

/** As the shim reads them. At most six; what is no address is left out, for a host's file may hold anything. */
export function encodeServers(servers: readonly string[]): Buffer {
  return Buffer.concat(servers.flatMap((text) => encodeServer(text) ?? []).slice(0, MOST_SERVERS));
}

/** Checks what `--dns` was given. Throws BAD_INPUT. */
export function checkServers(servers: readonly string[]): void {
  const wrong = servers.find((text) => !isServer(text));
  if (wrong !== undefined) {
    throw badInput(`--dns "${wrong}" is no address`, {
      subject: '--dns',
      remedy: 'give the IPv4 or IPv6 address of a resolver, for example --dns 9.9.9.9',
    });
  }
  if (servers.length > MOST_SERVERS) {
    throw badInput(`--dns was given ${servers.length} times; ${MOST_SERVERS} resolvers are the most`, {
      subject: '--dns',
      remedy: 'leave some out',
    });
  }
}
