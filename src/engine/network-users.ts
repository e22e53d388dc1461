import { existsSync } from 'node:fs';
import {
  claimText,
  containerDir,
  leaseFile,
  leasesOf,
  mayHoldName,
  readNetwork,
  readRecord,
  readWiring,
  removeDeadClaim,
  rewiringFile,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { macText } from './describe-network.ts';
import { addressesOf } from './joined.ts';
import { isBroken, lifeOf } from './status.ts';
import type { NetworkMember } from './types.ts';

/** "web", or "web (stopped)": a container, for a message. */
export function nameOfUser(core: Core, id: string): string {
  const record = readRecord(core.paths, id);
  const name = record === undefined || isBroken(record) ? id.slice(0, 12) : record.name;
  return lifeOf(core.paths, id).status === 'running' ? name : `${name} (${lifeOf(core.paths, id).status})`;
}

/**
 * True for an address that its holder does not have: the container is gone, or somebody was killed while connecting
 * it. One that is just being connected or made has its mark.
 */
function isStray(core: Core, network: string, ip: string, id: string): boolean {
  if (!mayHoldName(core.paths, id)) return true;
  const directory = containerDir(core.paths, id);
  if (!existsSync(directory) || claimText(rewiringFile(core.paths, id)) !== undefined) return false;
  const wiring = readWiring(core.paths, id);
  const has = wiring?.endpoints.some((one) => one.network === network && addressesOf(one).includes(ip));
  return has === false;
}

/** Ids of the containers that have a place in a network, running or not. Strays are given back on the way. */
export function usersOf(core: Core, network: string): string[] {
  const users = new Set<string>();
  for (const [ip, id] of leasesOf(core.paths, network)) {
    if (isStray(core, network, ip, id)) removeDeadClaim(leaseFile(core.paths, network, ip), id);
    else users.add(id);
  }
  return [...users];
}

/** Those that run, with their addresses, by name. */
export function membersOf(core: Core, name: string): NetworkMember[] {
  const network = readNetwork(core.paths, name);
  return usersOf(core, name)
    .flatMap((id) => {
      const record = readRecord(core.paths, id);
      const endpoint = readWiring(core.paths, id)?.endpoints.find((one) => one.network === network?.name);
      if (record === undefined || isBroken(record) || endpoint === undefined) return [];
      const { mac, ip, ip6 } = endpoint;
      const isRunning = lifeOf(core.paths, id).status === 'running';
      return [
        { id, name: record.name, isRunning, mac: macText(mac), ip, ...(ip6 === undefined ? {} : { ip6 }) },
      ];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
