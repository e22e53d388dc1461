import { late } from '../base/index.ts';
import { planLoopback } from '../network/index.ts';
import type { ContainerRecord, NetworkRecord, Wiring } from '../storage/index.ts';
import type { Core } from './core.ts';
import { isWired, sharedNetwork } from './joined.ts';
import type { WiringSteps } from './wiring.ts';

const wiringRoom = late(() => import('./wiring.ts'));
const NONE: WiringSteps = { own: [], gone: [], host: [], init: [] };

/** Before a start: no other interface has the addresses of a network that has no bridge yet. Throws SUBNET_IN_USE. */
export async function checkNetworks(
  core: Core,
  record: ContainerRecord,
  wiring: Wiring | undefined,
): Promise<void> {
  if (!isWired(record.network) || wiring === undefined) return;
  const { checkBridge, requireNetwork } = await wiringRoom();
  for (const { network } of wiring.endpoints) checkBridge(requireNetwork(core.paths, network));
}

/** What a launch does about networks; what only a container in one needs is loaded then. */
export async function networkSteps(
  core: Core,
  record: ContainerRecord,
  wiring: Wiring | undefined,
  pretended?: NetworkRecord,
): Promise<WiringSteps> {
  const { network } = record;
  if (network === 'host' || sharedNetwork(record) !== undefined) return NONE;
  // Without its file it is in no network: one that was damaged does not keep it from being cleared.
  if (!isWired(network) || wiring === undefined) return { ...NONE, init: planLoopback() };
  if (wiring.endpoints.length === 0) {
    // Taken out of all networks, it still has its ports, for the next.
    const own = wiring.ports.length === 0 ? NONE : (await wiringRoom()).wiringSteps(core, record, wiring);
    return { ...own, init: planLoopback() };
  }
  return (await wiringRoom()).wiringSteps(core, record, wiring, pretended);
}
