import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import { jsonOf, Remembered } from './atomic.ts';
import { claim, claimText, release, removeDeadClaim } from './claims.ts';
import { mayHoldName } from './names.ts';
import { stagingName } from './owner.ts';
import type { Paths } from './paths.ts';

/*
 * Networks on disk, below the root directory:
 *
 *   networks/<name>/
 *     network.json              what it is; the whole directory appears by rename
 *     leases/<address>          symbolic link whose text is the id of the container that has the address
 *     names/<name>/<id>         symbolic link whose text is the container's addresses in it, space between;
 *                               there while the container runs: what the resolver answers
 *   networks/.on-<setting>     the boot id while a setting of the host was switched on for networks; then, a line
 *                              each, the interfaces it had: nothing is forwarded between those
 *   networks/.creating          a symbolic link: somebody chooses a subnet
 *   ports/.taking-<id>          somebody takes ports for this container, and starts it
 *   ports/<proto>-<ip>-<port>   symbolic link whose text is the id of the container that has the host's port;
 *                               ip "any": all addresses
 */

/** network.json. Addresses as text. */
export interface NetworkRecord {
  version: 1;
  /** 64 hex digits. */
  id: string;
  name: string;
  driver: 'bridge';
  createdAtMs: number;
  subnet: string;
  gateway: string;
  /** Where addresses come from that nobody asked for; default: all of the subnet. */
  ipRange?: string;
  subnet6?: string;
  gateway6?: string;
  /** The interface on the host, and its MAC address as 12 hex digits: by that we know that it is ours. */
  bridge: string;
  mac: string;
  mtu: number;
  internal: boolean;
  labels: Record<string, string>;
  options: Record<string, string>;
}

/** Says that a setting of the host, a file of /proc/sys, was switched on for networks; its first line: during which boot. */
export function switchedOnFile(paths: Paths, setting: string): string {
  return `${paths.root}/networks/.on-${setting.replace('/proc/sys/', '').replaceAll('/', '.')}`;
}

export const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$/;

export function networkDir(paths: Paths, name: string): string {
  return `${paths.root}/networks/${name}`;
}

function isNetwork(value: unknown): value is NetworkRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  const texts = ['id', 'name', 'subnet', 'gateway', 'bridge', 'mac'];
  return (
    record.version === 1 &&
    texts.every((field) => typeof record[field] === 'string') &&
    typeof record.mtu === 'number' &&
    typeof record.internal === 'boolean'
  );
}

const records = new Remembered();

/** The record in a directory; undefined when there is none, or it is damaged. */
export function readNetworkIn(directory: string): NetworkRecord | undefined {
  return jsonOf(records.read(`${directory}/network.json`), isNetwork);
}

/** A network; undefined when there is none of that name, or its record is damaged. */
export function readNetwork(paths: Paths, name: string): NetworkRecord | undefined {
  if (!NETWORK_NAME.test(name)) return undefined;
  const record = readNetworkIn(networkDir(paths, name));
  return record?.name === name ? record : undefined;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Names of all networks, also of those whose record is damaged. */
export function networkNames(paths: Paths): string[] {
  return entries(`${paths.root}/networks`).filter((name) => NETWORK_NAME.test(name));
}

/** All networks by name, without damaged ones. */
export function listNetworks(paths: Paths): NetworkRecord[] {
  return networkNames(paths)
    .flatMap((name) => readNetwork(paths, name) ?? [])
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Makes a network appear whole; false when the name is taken. */
export function placeNetwork(paths: Paths, record: NetworkRecord): boolean {
  const parent = `${paths.root}/networks`;
  const staging = `${parent}/${stagingName()}`;
  mkdirSync(`${staging}/leases`, { recursive: true, mode: 0o700 });
  mkdirSync(`${staging}/names`, { mode: 0o700 });
  try {
    writeFileSync(`${staging}/network.json`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
    renameSync(staging, networkDir(paths, record.name));
    return true;
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    const errno = errnoOf(error);
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST') return false;
    throw error;
  }
}

export function leaseFile(paths: Paths, network: string, address: string): string {
  return `${networkDir(paths, network)}/leases/${address}`;
}

/** Who has the addresses of a network: address to container id. */
export function leasesOf(paths: Paths, network: string): Map<string, string> {
  const leases = new Map<string, string>();
  for (const address of entries(`${networkDir(paths, network)}/leases`)) {
    if (address.startsWith('.')) continue;
    const id = leaseHolder(paths, network, address);
    if (id !== undefined) leases.set(address, id);
  }
  return leases;
}

/** Addresses that are taken, without looking by whom. */
export function takenAddresses(paths: Paths, network: string): Set<string> {
  return new Set(entries(`${networkDir(paths, network)}/leases`));
}

export function leaseHolder(paths: Paths, network: string, address: string): string | undefined {
  return claimText(leaseFile(paths, network, address));
}

/**
 * Takes an address for a container: false when another has it. One whose container is gone for good is taken over.
 * Throws ENOENT when the network has just been removed.
 */
export function takeLease(paths: Paths, network: string, address: string, id: string): boolean {
  const file = leaseFile(paths, network, address);
  if (claim(file, id)) return true;
  const holder = claimText(file);
  if (holder === id) return true;
  if (holder === undefined || mayHoldName(paths, holder)) return false;
  removeDeadClaim(file, holder);
  return claim(file, id);
}

export function releaseLease(paths: Paths, network: string, address: string, id: string): void {
  release(leaseFile(paths, network, address), id);
}

export function portFile(paths: Paths, protocol: string, ip: string, port: number): string {
  return `${paths.root}/ports/${protocol}-${ip === '' ? 'any' : ip}-${port}`;
}

export function portsDir(paths: Paths): string {
  return `${paths.root}/ports`;
}

/** What lies in it that is no port: turns. */
export function portTurns(paths: Paths): string[] {
  return entries(portsDir(paths)).filter((name) => name.startsWith('.'));
}

/** There while somebody starts a container that has ports already but does not run yet; its text: who. */
export function portTurn(paths: Paths, id: string): string {
  return `${paths.root}/ports/.taking-${id}`;
}

/** Host ports that containers have: file name to container id. */
export function portClaims(paths: Paths): Map<string, string> {
  const claims = new Map<string, string>();
  for (const name of entries(`${paths.root}/ports`)) {
    if (name.startsWith('.')) continue;
    try {
      claims.set(name, readlinkSync(`${paths.root}/ports/${name}`));
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'EINVAL') throw error;
    }
  }
  return claims;
}

/** Makes the directories of networks; cheap when they are there. */
export function createNetworkState(paths: Paths): void {
  for (const name of ['networks', 'ports'])
    if (!existsSync(`${paths.root}/${name}`))
      mkdirSync(`${paths.root}/${name}`, { recursive: true, mode: 0o700 });
}
