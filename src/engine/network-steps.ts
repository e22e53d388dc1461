import { planLoopback } from '../network/index.ts';
import type { OciNamespace } from '../runtime/index.ts';
import type { ContainerRecord, NetworkRecord, Wiring } from '../storage/index.ts';
import type { Core } from './core.ts';
import { isWired } from './plug.ts';
import { requireRecord, requireRunning } from './status.ts';
import { type WiringSteps, wiringSteps } from './wiring.ts';

const NONE: WiringSteps = { own: [], host: [], hostAfter: [], init: [] };

/** What a launch does about networks. */
export function networkSteps(
  core: Core,
  record: ContainerRecord,
  wiring: Wiring | undefined,
  pretended?: NetworkRecord,
): WiringSteps {
  const { network } = record;
  if (network === 'host' || network.startsWith('container:')) return NONE;
  // Without its file it is in no network: one that was damaged does not keep it from being cleared.
  if (!isWired(network) || wiring === undefined || wiring.endpoints.length === 0)
    return { ...NONE, init: planLoopback() };
  return wiringSteps(core, record, wiring, pretended);
}

/**
 * The network namespace of the container that this one shares it with; none when it shares none. Throws NOT_RUNNING
 * when that one does not run.
 */
export function sharedNetwork(core: Core, record: ContainerRecord): OciNamespace[] {
  if (!record.network.startsWith('container:')) return [];
  const id = record.network.slice('container:'.length);
  const other = requireRecord(core.paths, id);
  const what = `start ${record.name}: it shares the network of ${other.name}, and to enter`;
  const { pid, startTicks } = requireRunning(core.paths, id, other.name, what);
  return [{ type: 'network', process: { pid, startTicks } }];
}
