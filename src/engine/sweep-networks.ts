import { rmSync } from 'node:fs';
import {
  claimText,
  isOwnerAlive,
  leaseFile,
  leasesOf,
  mayHoldName,
  networkDir,
  networkNames,
  portClaims,
  portsDir,
  portTurns,
  removeDeadClaim,
  sweepTurn,
  sweepTurns,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { sweepNetworks } from './network-remove.ts';
import { isOver } from './ports.ts';

/** Addresses of containers that are no more; ports of such that do not run; half-made networks. */
export async function sweepNetworking(core: Core): Promise<void> {
  await sweepNetworks(core);
  sweepTurns(`${core.root}/networks`);
  for (const network of networkNames(core.paths)) {
    sweepTurns(`${networkDir(core.paths, network)}/leases`);
    for (const [address, id] of leasesOf(core.paths, network))
      if (!mayHoldName(core.paths, id)) removeDeadClaim(leaseFile(core.paths, network, address), id);
  }
  const directory = portsDir(core.paths);
  for (const name of portTurns(core.paths)) {
    sweepTurn(directory, name);
    const owner = claimText(`${directory}/${name}`);
    if (owner !== undefined && !isOwnerAlive(owner)) rmSync(`${directory}/${name}`, { force: true });
  }
  const over = new Map<string, boolean>();
  for (const [name, id] of portClaims(core.paths)) {
    const known = over.get(id) ?? (await isOver(core, id));
    over.set(id, known);
    if (known) removeDeadClaim(`${directory}/${name}`, id);
  }
}
