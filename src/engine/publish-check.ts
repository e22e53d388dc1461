import { badInput } from '../base/index.ts';
import { parseIp, rangeText } from '../network/index.ts';
import type { NetworkRecord, PublishRecord } from '../storage/index.ts';

const LOOPBACK6 = Buffer.from('00000000000000000000000000000001', 'hex');
const LAST_PORT = 65_535;

function isRange(first: number | undefined, count: number): boolean {
  if (first === undefined) return true;
  return Number.isInteger(first) && first >= 1 && first + count - 1 <= LAST_PORT;
}

/** "8080:80/tcp" as it was asked for. */
function said(one: PublishRecord): string {
  const { hostPort } = one;
  return hostPort === undefined ? `${one.containerPort}/${one.protocol}` : rangeText({ ...one, hostPort });
}

function checkOne(one: PublishRecord): void {
  const { protocol, hostIp, hostPort, containerPort, count } = one;
  const isWhole =
    Number.isInteger(count) && count >= 1 && isRange(hostPort, count) && isRange(containerPort, count);
  if (!isWhole) {
    throw badInput(`-p ${said(one)}: a port is a number from 1 to ${LAST_PORT}`, {
      subject: '-p',
      remedy: 'give for example -p 8080:80 or -p 8000-8009:8000-8009',
    });
  }
  if (protocol !== 'tcp' && protocol !== 'udp') {
    throw badInput(`-p ${said(one)}: "${String(protocol)}" is neither tcp nor udp`, {
      subject: '-p',
      remedy: 'give for example -p 53:53/udp',
    });
  }
  // RFC 4291, 2.5.3: what is addressed to ::1 stays in the machine it came from, and a container is another.
  if (hostIp !== '' && parseIp(hostIp)?.equals(LOOPBACK6) === true) {
    throw badInput(`-p ${said(one)}: ::1 cannot lead to a container`, {
      subject: '-p',
      remedy: 'publish on 127.0.0.1, or on another IPv6 address of this host',
    });
  }
  if (hostIp !== '' && parseIp(hostIp) === undefined) {
    throw badInput(`-p ${said(one)}: "${hostIp}" is no IP address`, {
      subject: '-p',
      remedy: 'give one of this host, or none for all of them',
    });
  }
}

function isEvery(ip: string): boolean {
  return ip === '' || ip === '0.0.0.0' || /^[0:]+$/.test(ip);
}

/** True when some packet would be meant by both. */
function overlap(a: PublishRecord, b: PublishRecord): boolean {
  if (a.protocol !== b.protocol || a.hostPort === undefined || b.hostPort === undefined) return false;
  if (a.hostPort + a.count <= b.hostPort || b.hostPort + b.count <= a.hostPort) return false;
  const sameFamily = a.hostIp === '' || b.hostIp === '' || a.hostIp.includes(':') === b.hostIp.includes(':');
  return sameFamily && (a.hostIp === b.hostIp || isEvery(a.hostIp) || isEvery(b.hostIp));
}

/** Ports must lead somewhere: by the first network that others can be reached by, in a family it has. Throws BAD_INPUT. */
export function checkPublish(list: readonly PublishRecord[], networks: readonly NetworkRecord[]): void {
  list.forEach(checkOne);
  for (const [i, one] of list.entries()) {
    const other = list.slice(0, i).find((before) => overlap(before, one));
    if (other === undefined) continue;
    throw badInput(`-p gives the port ${said(one)} of the host twice`, {
      subject: said(one),
      remedy: 'give each port of the host once',
    });
  }
  if (list.length === 0) return;
  const way = networks.find(({ internal }) => !internal);
  if (way === undefined) {
    const [first] = networks;
    throw badInput(`-p has no effect: the network ${first?.name ?? ''} is internal`, {
      subject: first?.name ?? '-p',
      remedy: 'leave -p out, or join a network that is not internal too',
    });
  }
  const six = way.subnet6 === undefined ? list.find(({ hostIp }) => hostIp.includes(':')) : undefined;
  if (six === undefined) return;
  throw badInput(`-p ${said(six)}: the network ${way.name} has no IPv6 addresses`, {
    subject: said(six),
    remedy: 'publish on an IPv4 address, or use a network made with: mydocker network create --ipv6',
  });
}
