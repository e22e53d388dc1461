import { badInput, MydockerError, randomHex } from '../base/index.ts';
import {
  addressAt,
  contains,
  formatIp,
  formatSubnet,
  LEAST_MTU6,
  offsetOf,
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
  NETWORK_NAME,
  type NetworkRecord,
  networkDir,
  ownMark,
  placeNetwork,
  readNetwork,
  release,
  removeDeadClaim,
  sweepTurns,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { DEFAULT_NETWORK } from './joined.ts';
import { subnetsFor, takenSubnets } from './network-subnets.ts';
import { waitTurn } from './status.ts';
import type { NetworkSpec } from './types.ts';

const DEFAULT_MTU = 1500;
const BUSY_MS = 20_000;
/** Names that mean something else where a network is named. */
const RESERVED = new Set(['none', 'host', 'default', 'container']);
const OPTIONS = new Set(['mtu', 'com.docker.network.driver.mtu']);

/** A gateway that was given for this subnet, or its first address. */
function gatewayOf(subnet: Subnet, gateways: readonly string[]): string {
  const given = gateways.map(parseIp).find((ip) => ip !== undefined && contains(subnet, ip));
  return formatIp(given ?? addressAt(subnet, 1n));
}

/** Neither the first nor, in IPv4, the last address: those are nobody's. */
function isForHosts(subnet: Subnet, ip: Uint8Array): boolean {
  const offset = offsetOf(subnet, ip);
  return offset !== 0n && (ip.length !== 4 || offset !== sizeOf(subnet) - 1n);
}

function checkGateways(gateways: readonly string[], subnets: readonly Subnet[]): void {
  for (const text of gateways) {
    const ip = parseIp(text);
    const subnet = ip === undefined ? undefined : subnets.find((one) => contains(one, ip));
    if (ip !== undefined && subnet !== undefined && isForHosts(subnet, ip)) continue;
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

/** A network as it would be made now; nothing is. */
export function draftNetwork(core: Core, spec: NetworkSpec): NetworkRecord {
  checkName(spec.name);
  checkDriver(spec.driver ?? 'bridge');
  const options = { ...spec.options };
  const mtu = mtuOf(options);
  const { four, six } = subnetsFor(core, spec, takenSubnets(core));
  if (six !== undefined && mtu < LEAST_MTU6)
    throw badInput(`with an MTU of ${mtu} there is no IPv6`, {
      subject: String(mtu),
      remedy: `give ${LEAST_MTU6} or more, or leave out --ipv6`,
    });
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

/** One at a time: two who look for a free subnet at once must not find the same; nor does one go while another is made. */
export async function inTurn<T>(core: Core, act: () => T | Promise<T>): Promise<T> {
  createNetworkState(core.paths);
  const turn = `${core.root}/networks/.creating`;
  for (
    const deadlineMs = Date.now() + BUSY_MS;
    !claim(turn, ownMark());
    await waitTurn(deadlineMs, 'of networks')
  ) {
    const owner = claimText(turn);
    if (owner === undefined || isOwnerAlive(owner)) continue;
    // Somebody may have been killed while taking over from one who was killed.
    sweepTurns(`${core.root}/networks`);
    removeDeadClaim(turn, owner);
  }
  try {
    return await act();
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
