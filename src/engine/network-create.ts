import { badInput, errnoOf, MydockerError, randomHex } from '../base/index.ts';
import {
  addressAt,
  contains,
  formatIp,
  formatSubnet,
  offsetOf,
  overlap,
  parseIp,
  parseSubnet,
  type Subnet,
  sizeOf,
} from '../network/index.ts';
import {
  claim,
  claimText,
  createNetworkState,
  isOwnerAlive,
  listNetworks,
  NETWORK_NAME,
  type NetworkRecord,
  networkDir,
  ownMark,
  placeNetwork,
  readNetwork,
  release,
  removeDeadClaim,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { hostRoutes } from './host-routes.ts';
import { DEFAULT_NETWORK } from './plug.ts';
import { waitTurn } from './status.ts';
import type { NetworkSpec } from './types.ts';

const NETWORK_PREFIX = 24;
/** As many addresses as a bridge has ports: 1023 (BR_PORT_BITS in net/bridge/br_private.h). */
const DEFAULT_NETWORK_PREFIX = 22;
const NETWORK_PREFIX6 = 64;
const DEFAULT_MTU = 1500;
const BUSY_MS = 20_000;
/** Names that mean something else where a network is named. */
const RESERVED = new Set(['none', 'host', 'default', 'container']);
const OPTIONS = new Set(['mtu', 'com.docker.network.driver.mtu']);

/** None for `explain` by somebody who may not read them. */
function readableNetworks(core: Core): NetworkRecord[] {
  try {
    return listNetworks(core.paths);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return [];
    throw error;
  }
}

interface Taken {
  subnet: Subnet;
  by: string;
}

function takenSubnets(core: Core): Taken[] {
  const networks = readableNetworks(core);
  const own = networks.flatMap((network) =>
    [network.subnet, network.subnet6 ?? []].flat().map((text) => ({
      subnet: parseSubnet(text) as Subnet,
      by: `the network ${network.name} (${text})`,
    })),
  );
  const bridges = new Set(networks.map(({ bridge }) => bridge));
  const host = hostRoutes()
    .filter(({ link }) => !bridges.has(link))
    .map(({ subnet, link }) => ({ subnet, by: `the host’s route ${formatSubnet(subnet)} by ${link}` }));
  return [...own, ...host];
}

/** The first subnet of the pool that nothing else uses. */
function freeSubnet(pool: Subnet, prefix: number, taken: readonly Taken[]): Subnet {
  const step = 1n << BigInt(pool.base.length * 8 - prefix);
  const count = sizeOf(pool) / step;
  for (let i = 0n; i < count; i++) {
    const subnet = { base: addressAt(pool, i * step), prefix };
    if (!taken.some((other) => overlap(other.subnet, subnet))) return subnet;
  }
  throw new MydockerError(
    'NO_FREE_SUBNET',
    `no subnet is free in ${formatSubnet(pool)}: networks and the host’s routes use all`,
    {
      subject: formatSubnet(pool),
      remedy:
        'remove networks (mydocker network prune), give --subnet, or set another pool with MYDOCKER_ADDRESS_POOL',
    },
  );
}

function poolOf(core: Core): Subnet {
  const pool = parseSubnet(core.addressPool);
  if (pool !== undefined && pool.base.length === 4 && pool.prefix <= DEFAULT_NETWORK_PREFIX) return pool;
  throw badInput(`the address pool "${core.addressPool}" is no IPv4 range of at least a /22`, {
    subject: core.addressPool,
    remedy: 'set MYDOCKER_ADDRESS_POOL to one, for example 10.208.0.0/12',
  });
}

function parseGiven(text: string): Subnet {
  const subnet = parseSubnet(text);
  const tooSmall = subnet !== undefined && sizeOf(subnet) < 4n;
  if (subnet !== undefined && !tooSmall) return subnet;
  throw badInput(
    tooSmall
      ? `the subnet ${text} is too small: it has no address for a gateway and a container`
      : `"${text}" is no subnet`,
    { subject: text, remedy: 'give its first address and its length, for example --subnet 172.20.0.0/24' },
  );
}

function refuseOverlap(subnet: Subnet, taken: readonly Taken[]): Subnet {
  const other = taken.find((one) => overlap(one.subnet, subnet));
  if (other === undefined) return subnet;
  throw new MydockerError('SUBNET_IN_USE', `the subnet ${formatSubnet(subnet)} overlaps ${other.by}`, {
    subject: formatSubnet(subnet),
    remedy: 'give another --subnet, or none, and a free one is chosen',
  });
}

/** A gateway that was given for this subnet, or its first address. */
function gatewayOf(subnet: Subnet, gateways: readonly string[]): string {
  const given = gateways.map(parseIp).find((ip) => ip !== undefined && contains(subnet, ip));
  return formatIp(given ?? addressAt(subnet, 1n));
}

function checkGateways(gateways: readonly string[], subnets: readonly Subnet[]): void {
  for (const text of gateways) {
    const ip = parseIp(text);
    const subnet = ip === undefined ? undefined : subnets.find((one) => contains(one, ip));
    if (ip !== undefined && subnet !== undefined && offsetOf(subnet, ip) !== 0n) continue;
    const where = subnets.map(formatSubnet).join(' and ');
    throw badInput(
      ip === undefined ? `the gateway "${text}" is no address` : `the gateway ${text} is not in ${where}`,
      {
        subject: text,
        remedy: 'give an address of the subnet, or none, and it is the first one',
      },
    );
  }
}

function rangeOf(text: string, subnet: Subnet): string {
  const range = parseSubnet(text);
  if (range !== undefined && contains(subnet, range.base) && range.prefix >= subnet.prefix) return text;
  throw badInput(
    range === undefined
      ? `the range "${text}" is none`
      : `the range ${text} is not in the subnet ${formatSubnet(subnet)}`,
    { subject: text, remedy: 'give a part of the subnet, for example --ip-range 172.20.0.128/25' },
  );
}

function mtuOf(options: Readonly<Record<string, string>>): number {
  for (const name of Object.keys(options)) {
    if (OPTIONS.has(name)) continue;
    throw badInput(`unknown network option "${name}"`, { subject: name, remedy: 'there is: mtu=1400' });
  }
  const text = options.mtu ?? options['com.docker.network.driver.mtu'];
  if (text === undefined) return DEFAULT_MTU;
  const mtu = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  // Below 1280 there is no IPv6 (RFC 8200), below 68 no IPv4.
  if (mtu >= 68 && mtu <= 65_535) return mtu;
  throw badInput(`the MTU "${text}" is none`, {
    subject: text,
    remedy: 'give a number from 68 to 65535, for example -o mtu=1400',
  });
}

function checkName(name: string): void {
  if (NETWORK_NAME.test(name) && !RESERVED.has(name)) return;
  throw badInput(
    RESERVED.has(name)
      ? `"${name}" cannot be the name of a network: it has a meaning of its own`
      : `invalid network name "${name}"`,
    { subject: name, remedy: 'use letters, digits, "_", "." and "-", 64 at most, a letter or digit first' },
  );
}

function checkDriver(driver: string): void {
  if (driver === 'bridge') return;
  throw badInput(`unknown network driver "${driver}"`, {
    subject: driver,
    remedy: 'there is one: --driver bridge',
  });
}

function subnetsFor(
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
    four: four === undefined ? freeSubnet(poolOf(core), prefix, taken) : refuseOverlap(four, taken),
    six: wanted6 === undefined ? undefined : refuseOverlap(wanted6, taken),
  };
}

/** A network as it would be made now; nothing is. */
export function draftNetwork(core: Core, spec: NetworkSpec): NetworkRecord {
  checkName(spec.name);
  checkDriver(spec.driver ?? 'bridge');
  const options = { ...spec.options };
  const mtu = mtuOf(options);
  const { four, six } = subnetsFor(core, spec, takenSubnets(core));
  const gateways = spec.gateways ?? [];
  checkGateways(gateways, six === undefined ? [four] : [four, six]);
  const id = randomHex(32);
  return {
    version: 1,
    id,
    name: spec.name,
    driver: 'bridge',
    createdAtMs: Date.now(),
    subnet: formatSubnet(four),
    gateway: gatewayOf(four, gateways),
    ...(spec.ipRange === undefined ? {} : { ipRange: rangeOf(spec.ipRange, four) }),
    ...(six === undefined ? {} : { subnet6: formatSubnet(six), gateway6: gatewayOf(six, gateways) }),
    bridge: `md-${id.slice(0, 12)}`,
    // Locally administered, and of no group.
    mac: `02${id.slice(0, 10)}`,
    mtu,
    internal: spec.internal ?? false,
    labels: { ...spec.labels },
    options,
  };
}

/** One at a time: two who look for a free subnet at once must not find the same. */
async function inTurn<T>(core: Core, act: () => T): Promise<T> {
  createNetworkState(core.paths);
  const turn = `${core.root}/networks/.creating`;
  for (
    const deadlineMs = Date.now() + BUSY_MS;
    !claim(turn, ownMark());
    await waitTurn(deadlineMs, 'of networks')
  ) {
    const owner = claimText(turn);
    if (owner !== undefined && !isOwnerAlive(owner)) removeDeadClaim(turn, owner);
  }
  try {
    return act();
  } finally {
    release(turn, ownMark());
  }
}

/** Makes a network: its record only; bridge and rules come with its first container. Throws NETWORK_EXISTS, SUBNET_IN_USE … */
export function createNetwork(core: Core, spec: NetworkSpec): Promise<NetworkRecord> {
  checkName(spec.name);
  return inTurn(core, () => {
    if (readNetwork(core.paths, spec.name) === undefined) {
      const record = draftNetwork(core, spec);
      if (placeNetwork(core.paths, record)) return record;
    }
    throw new MydockerError('NETWORK_EXISTS', `there is a network named "${spec.name}" already`, {
      subject: spec.name,
      remedy: `choose another name, or remove it: mydocker network rm ${spec.name}`,
    });
  });
}

/** The network of containers that name none. */
export async function ensureDefaultNetwork(core: Core): Promise<void> {
  await inTurn(core, () => {
    if (readNetwork(core.paths, DEFAULT_NETWORK) !== undefined) return;
    if (!placeNetwork(core.paths, draftNetwork(core, { name: DEFAULT_NETWORK }))) {
      throw new MydockerError('BROKEN_STATE', `the record of the network ${DEFAULT_NETWORK} cannot be read`, {
        subject: networkDir(core.paths, DEFAULT_NETWORK),
        remedy: `remove it with: mydocker network rm ${DEFAULT_NETWORK}`,
        exitCode: 1,
      });
    }
  });
}
