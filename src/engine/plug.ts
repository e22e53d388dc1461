import { badInput, errnoOf, MydockerError } from '../base/index.ts';
import {
  addressAt,
  contains,
  formatIp,
  ipBytes,
  offsetOf,
  parseIp,
  parseSubnet,
  type Subnet,
  sizeOf,
} from '../network/index.ts';
import {
  type Endpoint,
  leaseHolder,
  type NetworkRecord,
  type Paths,
  readNetwork,
  readRecord,
  takeLease,
  takenAddresses,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { unplug } from './joined.ts';
import { isBroken } from './status.ts';
import type { NetworkJoin } from './types.ts';

/** Throws NO_SUCH_NETWORK. */
export function requireNetwork(paths: Paths, name: string): NetworkRecord {
  const record = readNetwork(paths, name);
  if (record !== undefined) return record;
  throw new MydockerError('NO_SUCH_NETWORK', `no such network: ${name}`, {
    subject: name,
    remedy: `see all with: mydocker network ls; make it with: mydocker network create ${name}`,
  });
}

/** A subnet of a record. */
export const subnetOfText = (text: string): Subnet => {
  const subnet = parseSubnet(text);
  if (subnet === undefined) throw new TypeError(`${text} is no subnet`);
  return subnet;
};

function noAddress(network: NetworkRecord): MydockerError {
  const range = network.ipRange ?? network.subnet;
  return new MydockerError(
    'NO_FREE_ADDRESS',
    `the network ${network.name} has no free address left in ${range}`,
    {
      subject: network.name,
      remedy: 'remove containers that are not needed, or make a network with a larger --subnet',
    },
  );
}

function wrongAddress(network: NetworkRecord, ip: string, isWithin = false): MydockerError {
  const subnets = [network.subnet, network.subnet6 ?? []].flat().join(' and ');
  const isGateway = ip === network.gateway || ip === network.gateway6;
  const why = isGateway
    ? `is the gateway of the network ${network.name}`
    : `${isWithin ? 'is for no container in' : 'is not in'} the network ${network.name} (${subnets})`;
  return badInput(`the address ${ip} ${why}`, {
    subject: ip,
    remedy: 'give one of its subnet that is neither its first, nor its last, nor its gateway',
  });
}

/** A fixed address: must be usable and free. */
function takeFixed(core: Core, network: NetworkRecord, ip: string, id: string): string {
  const bytes = parseIp(ip);
  const text = bytes?.length === 16 ? network.subnet6 : network.subnet;
  if (bytes === undefined || text === undefined) throw wrongAddress(network, ip);
  const subnet = subnetOfText(text);
  const clean = formatIp(bytes);
  const last = sizeOf(subnet) - 1n;
  const at = offsetOf(subnet, bytes);
  const edge = at === 0n || (bytes.length === 4 && at === last && subnet.prefix < 31);
  const isWithin = contains(subnet, bytes);
  if (!isWithin || edge || clean === network.gateway || clean === network.gateway6)
    throw wrongAddress(network, clean, isWithin);
  if (takeLease(core.paths, network.name, clean, id)) return clean;
  const holder = leaseHolder(core.paths, network.name, clean);
  const record = holder === undefined ? undefined : readRecord(core.paths, holder);
  const by = record === undefined || isBroken(record) ? '' : ` by the container ${record.name}`;
  throw new MydockerError(
    'ADDRESS_IN_USE',
    `the address ${clean} of the network ${network.name} is taken${by}`,
    { subject: clean, remedy: 'give another --ip, or remove that container' },
  );
}

/** Addresses of a range that a container may get and that look free, lowest first. */
function* freeIn(
  network: NetworkRecord,
  range: Subnet,
  gateway: string,
  taken: ReadonlySet<string>,
): Generator<string> {
  const size = sizeOf(range);
  const is4 = range.base.length === 4;
  // The first and, in IPv4, the last address of the subnet itself are no host's.
  const whole = subnetOfText(is4 ? network.subnet : (network.subnet6 ?? ''));
  for (let at = 0n; at < size; at++) {
    const bytes = addressAt(range, at);
    const offset = offsetOf(whole, bytes);
    if (offset === 0n || (is4 && offset === sizeOf(whole) - 1n && whole.prefix < 31)) continue;
    const address = formatIp(bytes);
    if (address !== gateway && !taken.has(address)) yield address;
  }
}

/** The lowest free address. Several who try at once meet at the same one, and all but one go on to the next. */
function takeFree(core: Core, network: NetworkRecord, range: Subnet, gateway: string, id: string): string {
  for (const address of freeIn(network, range, gateway, takenAddresses(core.paths, network.name)))
    if (takeLease(core.paths, network.name, address, id)) return address;
  throw noAddress(network);
}

/** None for `explain` by somebody who may not read them. */
function readableAddresses(core: Core, network: NetworkRecord): ReadonlySet<string> {
  try {
    return takenAddresses(core.paths, network.name);
  } catch (error) {
    if (errnoOf(error) === 'EACCES') return new Set();
    throw error;
  }
}

/** The place a container would get; nothing is taken. */
export function peekEndpoint(core: Core, network: NetworkRecord, join: NetworkJoin, link: string): Endpoint {
  const peek = (text: string, gateway: string): string =>
    freeIn(network, subnetOfText(text), gateway, readableAddresses(core, network)).next().value ?? '0.0.0.0';
  const wrong = [join.ip, join.ip6].find((text) => text !== undefined && parseIp(text) === undefined);
  if (wrong !== undefined) throw wrongAddress(network, wrong);
  const ip = join.ip ?? peek(network.ipRange ?? network.subnet, network.gateway);
  const ip6 =
    join.ip6 ?? (network.subnet6 === undefined ? undefined : peek(network.subnet6, network.gateway6 ?? ''));
  const aliases = (join.aliases ?? []).map((alias) => alias.toLowerCase());
  const base = { network: network.name, networkId: network.id, link, mac: macOf(join, ip), ip, aliases };
  return ip6 === undefined ? base : { ...base, ip6 };
}

/** "02:42" and the IPv4 address: the same address always has the same MAC, so that no neighbour's cache is wrong. */
function macOf(join: NetworkJoin, ip: string): string {
  return join.mac?.replace(/[:-]/g, '').toLowerCase() ?? `0242${ipBytes(ip).toString('hex')}`;
}

/** A place in a network: its addresses are taken. */
export function plug(core: Core, id: string, join: NetworkJoin, link: string): Endpoint {
  const network = requireNetwork(core.paths, join.name);
  const range = subnetOfText(network.ipRange ?? network.subnet);
  const ip =
    join.ip === undefined
      ? takeFree(core, network, range, network.gateway, id)
      : takeFixed(core, network, join.ip, id);
  const endpoint: Endpoint = {
    network: network.name,
    networkId: network.id,
    link,
    mac: macOf(join, ip),
    ip,
    aliases: (join.aliases ?? []).map((alias) => alias.toLowerCase()),
  };
  try {
    if (join.ip6 !== undefined) return { ...endpoint, ip6: takeFixed(core, network, join.ip6, id) };
    if (network.subnet6 === undefined) return endpoint;
    const range6 = subnetOfText(network.subnet6);
    return { ...endpoint, ip6: takeFree(core, network, range6, network.gateway6 ?? '', id) };
  } catch (error) {
    unplug(core, id, endpoint);
    throw error;
  }
}

/** Places in all of these networks, or none. */
export function plugAll(core: Core, id: string, joins: readonly NetworkJoin[]): Endpoint[] {
  const list: Endpoint[] = [];
  try {
    for (const [i, join] of joins.entries()) list.push(plug(core, id, join, `eth${i}`));
    return list;
  } catch (error) {
    for (const endpoint of list) unplug(core, id, endpoint);
    throw error;
  }
}
