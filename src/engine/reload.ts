import { freshRules, NETLINK_NETFILTER, NOTHING, planPublish, planSelf } from '../network/index.ts';
import type { Action, StepNotes } from '../plan/index.ts';
import { runActions } from '../shim/index.ts';
import { listIds, listNetworks, readWiring } from '../storage/index.ts';
import type { Core } from './core.ts';
import { addressesOf } from './plug.ts';
import { lifeOf } from './status.ts';
import { forwardingSteps, hasLink, mainEndpoint, networkUp, tableOf } from './wiring.ts';

type Noted = Action & StepNotes;

/** Elements of the ports that running containers publish; held they are already. */
function portActions(core: Core): Noted[] {
  const { table } = tableOf(core);
  return listIds(core.paths).flatMap((id) => {
    const wiring = readWiring(core.paths, id);
    if (wiring === undefined || wiring.ports.length === 0) return [];
    if (lifeOf(core.paths, id).status !== 'running') return [];
    const main = mainEndpoint(core, wiring);
    const addresses = main === undefined ? [] : addressesOf(main);
    const all = [
      ...wiring.ports.flatMap((range) => planPublish(table, range, addresses)),
      ...planSelf(table, addresses),
    ];
    return all.filter((step) => step.op === 'netlink-send');
  });
}

/**
 * Makes what is missing of table, rules, bridges and the elements of running containers; what is there stays, so
 * that containers that start meanwhile lose nothing. `everything`: the rules themselves are made anew too.
 */
export async function restoreRules(core: Core, everything = false): Promise<void> {
  const { table } = tableOf(core);
  const networks = listNetworks(core.paths).filter((network) => hasLink(network.bridge));
  const ups = networks.flatMap((network) => networkUp(core, network, true));
  const rules: Noted[] = everything
    ? [
        {
          op: 'netlink-send',
          protocol: NETLINK_NETFILTER,
          messages: freshRules(table),
          harmless: 2,
          link: '',
          linkAt: NOTHING,
          pidAt: NOTHING,
          why: 'every rule made anew, at once',
        },
      ]
    : [];
  const forwarding = networks.flatMap(forwardingSteps);
  const actions = [...ups, ...forwarding, ...rules, ...portActions(core)].map(
    ({ undo: _undo, ...action }): Noted => action,
  );
  if (actions.length > 0) await runActions(core.root, 'cannot restore the rules of networks', actions);
}
