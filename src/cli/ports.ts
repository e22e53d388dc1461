import { badInput } from '../base/errors.ts';
import { parseIp } from '../base/ip.ts';
import type { PublishSpec } from '../engine/types.ts';

const EXAMPLES = '-p 8080:80, -p 127.0.0.1:8080:80, -p 53:53/udp or -p 8000-8009:8000-8009';

interface Range {
  first: number;
  count: number;
}

function bad(flag: string, text: string, why: string): never {
  throw badInput(`${flag} "${text}": ${why}`, { subject: text, remedy: `give for example ${EXAMPLES}` });
}

function range(flag: string, text: string, part: string): Range {
  const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
  const from = Number(first);
  const to = Number(last);
  if (first === '') bad(flag, text, `"${part}" is no port`);
  if (from < 1 || to > 65_535) bad(flag, text, 'a port is a number from 1 to 65535');
  if (to < from) bad(flag, text, `the range ${part} ends before it begins`);
  return { first: from, count: to - from + 1 };
}

/** "[fd00::1]" or "127.0.0.1": what is before the ports. Whether the host has it shows when it is used. */
function address(flag: string, text: string, part: string): string {
  const ip = part.replace(/^\[(.*)\]$/, '$1');
  if (ip !== '' && parseIp(ip) === undefined) bad(flag, text, `"${part}" is no IP address`);
  return ip;
}

/** "[ip]:host:container", "ip:host:container", "host:container", "container". With two parts the first is a port. */
function split(flag: string, text: string, body: string): { ip: string; host: string; container: string } {
  const bracket = /^(\[[^\]]*\]):(.*)$/.exec(body);
  const parts = (bracket?.[2] ?? body).split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  const ip = bracket?.[1] ?? parts.pop() ?? '';
  if (container === '') bad(flag, text, 'it has no port of the container');
  if (parts.length > 0) bad(flag, text, 'an IPv6 address stands in brackets');
  return { ip: address(flag, text, ip), host, container };
}

/** `-p [ip:][host:]container[/tcp|udp]`, ranges allowed on both sides. Throws BAD_INPUT. */
export function parsePublish(flag: string, text: string): PublishSpec {
  const [, body = '', protocol = 'tcp'] = /^([^/]*)(?:\/(\w*))?$/.exec(text) ?? [];
  if (protocol !== 'tcp' && protocol !== 'udp') bad(flag, text, `"${protocol}" is neither tcp nor udp`);
  return publish(flag, text, protocol, split(flag, text, body));
}

function publish(
  flag: string,
  text: string,
  protocol: 'tcp' | 'udp',
  part: { ip: string; host: string; container: string },
): PublishSpec {
  const container = range(flag, text, part.container);
  const base = { protocol, hostIp: part.ip, containerPort: container.first, count: container.count };
  if (part.host === '' || part.host === '0') return base;
  const host = range(flag, text, part.host);
  if (host.count !== container.count) {
    bad(flag, text, `the ranges differ in size: ${host.count} and ${container.count} ports`);
  }
  return { ...base, hostPort: host.first };
}

/** EXPOSE's form: "80", "53/udp", "8000-8010". */
export function parseExpose(flag: string, text: string): string {
  const [, ports = '', protocol = 'tcp'] = /^([^/]*)(?:\/(\w*))?$/.exec(text) ?? [];
  range(flag, text, ports);
  if (protocol !== 'tcp' && protocol !== 'udp') bad(flag, text, `"${protocol}" is neither tcp nor udp`);
  return `${ports}/${protocol}`;
}
