import { readFileSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { formatSubnet, overlap, parseSubnet, type Subnet, subnetOf } from '../network/index.ts';
import type { NetworkRecord } from '../storage/index.ts';

/** A range of addresses the host sends somewhere. */
export interface HostRoute {
  subnet: Subnet;
  link: string;
  /** Of several to the same range the one with the smallest counts; that of an interface's own addresses is 0. */
  metric: number;
  /** By another host: addresses of the range need not be on a wire of this one. */
  hasGateway: boolean;
}

function lines(path: string): string[][] {
  try {
    return readFileSync(path, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
  } catch (error) {
    // No IPv6 in this kernel.
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Numbers in /proc/net/route have the bytes of the machine's order: little-endian. */
const bytes4 = (hex: string): Buffer => Buffer.from(hex, 'hex').reverse();

function prefixOf(mask: Uint8Array): number {
  let bits = 0;
  for (const byte of mask) for (let rest = byte; rest > 0; rest &= rest - 1) bits++;
  return bits;
}

/** Shorter ones are default routes in two or more pieces, as VPNs make them (0.0.0.0/1 and 128.0.0.0/1). */
const SHORTEST_PREFIX = 8;

/** Every route of the host but its default ones, loopback and link-local ones: proc(5), /proc/net. */
export function hostRoutes(): HostRoute[] {
  const list: HostRoute[] = [];
  for (const [link = '', destination = '', gateway = '', , , , metric = '', mask = ''] of lines(
    '/proc/net/route',
  ).slice(1)) {
    if (!/^[0-9A-F]{8}$/.test(mask)) continue;
    const length = prefixOf(bytes4(mask));
    if (length < SHORTEST_PREFIX) continue;
    list.push({
      subnet: subnetOf(bytes4(destination), length),
      link,
      metric: Number(metric),
      hasGateway: gateway !== '00000000',
    });
  }
  for (const fields of lines('/proc/net/ipv6_route')) {
    const [destination = '', prefix = '', , , gateway = ''] = fields;
    const link = fields[9] ?? '';
    const length = Number.parseInt(prefix, 16);
    if (destination.length !== 32 || length < SHORTEST_PREFIX || link === 'lo' || /^f[ef]/.test(destination))
      continue;
    list.push({
      subnet: subnetOf(Buffer.from(destination, 'hex'), length),
      link,
      metric: Number.parseInt(fields[5] ?? '', 16) || 0,
      hasGateway: !/^0*$/.test(gateway),
    });
  }
  return list;
}

/** Would that route take packets from a bridge with this subnet? A shorter one would not, nor one that is for want of others. */
function takesFrom(subnet: Subnet, route: HostRoute): boolean {
  if (!overlap(subnet, route.subnet) || route.subnet.prefix < subnet.prefix) return false;
  return route.subnet.prefix > subnet.prefix || route.metric === 0;
}

/**
 * Before a bridge is made, perhaps long after its network: another interface must not have these addresses by now, as
 * one of another root directory's may. Where the bridge has them already it is nobody else's. Throws SUBNET_IN_USE.
 */
export function refuseTaken({ name, bridge, subnet }: NetworkRecord): void {
  // Of IPv6 the kernel lists the routes of all its tables without saying which: only IPv4 can be told.
  const taken = parseSubnet(subnet);
  const routes = hostRoutes().filter(({ subnet: { base } }) => base.length === 4);
  if (taken === undefined || routes.some(({ link }) => link === bridge)) return;
  for (const route of routes) {
    // "*": a route that sends packets nowhere.
    if (route.link === '*' || !takesFrom(taken, route)) continue;
    throw new MydockerError(
      'SUBNET_IN_USE',
      `the subnet ${formatSubnet(taken)} of the network ${name} is somebody else’s by now: the host has a route ${formatSubnet(route.subnet)} by ${route.link}`,
      {
        subject: name,
        remedy: 'take that away (see: ip route), or use another network: mydocker network create NAME',
      },
    );
  }
}
