import { badInput, MydockerError, randomHex } from '../base/index.ts';
import {
  addressAt,
  formatSubnet,
  offsetOf,
  overlap,
  parseIp,
  parseSubnet,
  type Subnet,
  sizeOf,
  subnetOf,
} from '../network/index.ts';
import type { Core } from './core.ts';
import { hostRoutes } from './host-routes.ts';
import { DEFAULT_NETWORK } from './joined.ts';
import { readableNetworks } from './network-find.ts';
import { settingsOf } from './settings.ts';
import type { NetworkSpec } from './types.ts';

const NETWORK_PREFIX = 24;
/** As many addresses as a bridge has ports: 1023 (BR_PORT_BITS in net/bridge/br_private.h). */
const DEFAULT_NETWORK_PREFIX = 22;
const NETWORK_PREFIX6 = 64;
/** 4096 networks of 256 addresses. */
export const DEFAULT_POOL = '10.208.0.0/12';
/** Where a route of the host uses all of that, as on a host in a VPN of 10.0.0.0/8: RFC 1918. */
const FURTHER_POOLS = ['172.16.0.0/12', '192.168.0.0/16'];

interface Taken {
  subnet: Subnet;
  by: string;
  /** A route by another host: for a smaller subnet in it that one's own route is the more specific. */
  hasGateway?: boolean;
}

/** True where a network of this subnet would take something from the other, or get no packets itself. */
function collides(subnet: Subnet, other: Taken): boolean {
  const isWithin = other.hasGateway === true && other.subnet.prefix < subnet.prefix;
  return !isWithin && overlap(other.subnet, subnet);
}

export function takenSubnets(core: Core): Taken[] {
  const networks = readableNetworks(core.paths);
  const own = networks.flatMap((network) =>
    [network.subnet, network.subnet6 ?? []].flat().map((text) => ({
      subnet: parseSubnet(text) as Subnet,
      by: `the network ${network.name} (${text})`,
    })),
  );
  const bridges = new Set(networks.map(({ bridge }) => bridge));
  const host = hostRoutes()
    .filter(({ link }) => !bridges.has(link))
    .map(({ subnet, link, hasGateway }) => ({
      subnet,
      by: `the host’s route ${formatSubnet(subnet)} by ${link}`,
      hasGateway,
    }));
  return [...own, ...host];
}

/** The first subnet of the pool that nothing of these uses. */
function freeIn(pool: Subnet, prefix: number, taken: readonly Taken[]): Subnet | undefined {
  const step = 1n << BigInt(pool.base.length * 8 - prefix);
  const size = sizeOf(pool);
  // Where in the pool the others lie, in order: each is looked at once, however many networks there are.
  const spans = taken
    .filter((other) => overlap(other.subnet, pool))
    .map(({ subnet }) => ({ from: offsetOf(pool, subnet.base), size: sizeOf(subnet) }))
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  let at = 0n;
  for (const span of spans) {
    if (at + step <= span.from) break;
    const end = span.from + span.size;
    if (end > at) at = ((end + step - 1n) / step) * step;
  }
  return at + step <= size ? { base: addressAt(pool, at), prefix } : undefined;
}

/** One that no route at all has; else one that is more specific than the route that has it. */
function freeSubnet(pools: readonly Subnet[], prefix: number, taken: readonly Taken[]): Subnet {
  const binding = taken.filter((one) => one.hasGateway !== true || one.subnet.prefix >= prefix);
  for (const others of [taken, binding])
    for (const pool of pools) {
      const subnet = freeIn(pool, prefix, others);
      if (subnet !== undefined) return subnet;
    }
  const text = pools.map(formatSubnet).join(', ');
  throw new MydockerError(
    'NO_FREE_SUBNET',
    `no subnet is free in ${text}: networks and the host’s routes use all`,
    {
      subject: text,
      remedy:
        'remove networks (mydocker network prune), give --subnet, or set a larger addressPool in /etc/mydocker/config.json',
    },
  );
}

/** The one that was asked for, or those that are for private use. */
function poolsOf(core: Core): Subnet[] {
  const asked = core.addressPool ?? settingsOf(core).addressPool;
  return asked === undefined
    ? [DEFAULT_POOL, ...FURTHER_POOLS].map((text) => parsePool(core, text))
    : [parsePool(core, asked)];
}

function parsePool(core: Core, text: string): Subnet {
  const pool = parseSubnet(text);
  if (pool !== undefined && pool.base.length === 4 && pool.prefix <= DEFAULT_NETWORK_PREFIX) return pool;
  throw badInput(`the address pool "${text}" is no IPv4 range of at least a /22`, {
    subject: text,
    remedy: `set addressPool in ${core.configFile}, or MYDOCKER_ADDRESS_POOL, to one, for example ${DEFAULT_POOL}`,
  });
}

/** Loopback, "this host", groups and reserved ones, link-local: RFC 6890, RFC 4291. */
const NOT_FOR_HOSTS = ['0.0.0.0/8', '127.0.0.0/8', '224.0.0.0/3', '::/8', 'fe80::/10', 'ff00::/8'];

function whyNot(text: string, subnet: Subnet | undefined): string | undefined {
  if (subnet === undefined) {
    const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
    const ip = parseIp(address);
    const isAddress = ip !== undefined && Number(prefix) <= ip.length * 8;
    return isAddress
      ? `"${text}" is no subnet: it would begin at ${formatSubnet(subnetOf(ip, Number(prefix)))}`
      : `"${text}" is no subnet`;
  }
  if (sizeOf(subnet) < 4n)
    return `the subnet ${text} is too small: it has no address for a gateway and a container`;
  const special = NOT_FOR_HOSTS.find((other) => overlap(subnet, parseSubnet(other) as Subnet));
  return special === undefined ? undefined : `the subnet ${text} overlaps ${special}, which is not for hosts`;
}

function parseGiven(text: string): Subnet {
  const subnet = parseSubnet(text);
  const why = whyNot(text, subnet);
  if (subnet !== undefined && why === undefined) return subnet;
  throw badInput(why ?? `"${text}" is no subnet`, {
    subject: text,
    remedy: 'give its first address and its length, for example --subnet 172.20.0.0/24',
  });
}

function refuseOverlap(subnet: Subnet, taken: readonly Taken[]): Subnet {
  const other = taken.find((one) => collides(subnet, one));
  if (other === undefined) return subnet;
  throw new MydockerError('SUBNET_IN_USE', `the subnet ${formatSubnet(subnet)} overlaps ${other.by}`, {
    subject: formatSubnet(subnet),
    remedy: 'give another --subnet, or none, and a free one is chosen',
  });
}

/** The subnets of a new network: those given, or free ones. Throws BAD_INPUT, SUBNET_IN_USE, NO_FREE_SUBNET. */
export function subnetsFor(
  core: Core,
  spec: NetworkSpec,
  taken: readonly Taken[],
): { four: Subnet; six: Subnet | undefined } {
  const given = (spec.subnets ?? []).map(parseGiven);
  const ofLength = (length: number): Subnet | undefined => {
    const list = given.filter(({ base }) => base.length === length);
    if (list.length < 2) return list[0];
    throw badInput('a network has one IPv4 and one IPv6 subnet', {
      subject: '--subnet',
      remedy: 'give --subnet once for each',
    });
  };
  const four = ofLength(4);
  const six = ofLength(16);
  const prefix = spec.name === DEFAULT_NETWORK ? DEFAULT_NETWORK_PREFIX : NETWORK_PREFIX;
  // RFC 4193: a unique local prefix is fd and 40 random bits.
  const local = { base: Buffer.from(`fd${randomHex(5)}${'0'.repeat(20)}`, 'hex'), prefix: NETWORK_PREFIX6 };
  const wanted6 = six ?? (spec.ipv6 === true ? local : undefined);
  return {
    four: four === undefined ? freeSubnet(poolsOf(core), prefix, taken) : refuseOverlap(four, taken),
    six: wanted6 === undefined ? undefined : refuseOverlap(wanted6, taken),
  };
}
