import { readFileSync } from 'node:fs';
import { badInput, errnoOf, parseIp } from '../base/index.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const DNS_PORT = 53;
/** struct dns_server, native/dns.h. */
const SERVER_BYTES = 24;
const MOST_SERVERS = 6;

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
