import {
  freshRules,
  NETLINK_NETFILTER,
  planChecks,
  planPublish,
  planSelf,
  type TableName,
  tableQuestion,
} from '../network/index.ts';
import type { Action, Step, StepNotes } from '../plan/index.ts';
import { runActions } from '../shim/index.ts';
import {
  claimText,
  leaseHolder,
  listIds,
  listNetworks,
  portFile,
  readWiring,
  type Wiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { addressesOf } from './joined.ts';
import { forwardingSteps, hasLink, networkUp, tableOf } from './network-up.ts';
import { lifeOf } from './status.ts';
import { mainEndpoint } from './wiring.ts';

type Noted = Action & StepNotes;

/** What a running container publishes, and the steps that do it; held its ports are already. */
interface Published {
  id: string;
  steps: Step[];
  wiring: Wiring;
}

function publishedBy(core: Core): Published[] {
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
    return [{ id, wiring, steps: all.filter(({ op }) => op === 'netlink-send' || op === 'forget-flows') }];
  });
}

/** True where another container has one of its ports or addresses by now: what lies under them may be that one's. */
function isSucceeded(core: Core, { id, wiring }: Published): boolean {
  const other = (holder: string | undefined): boolean => holder !== undefined && holder !== id;
  return (
    wiring.ports.some(({ protocol, hostIp, hostPort, count }) =>
      Array.from({ length: count }, (_, i) => portFile(core.paths, protocol, hostIp, hostPort + i)).some(
        (file) => other(claimText(file)),
      ),
    ) ||
    wiring.endpoints.some((one) =>
      addressesOf(one).some((ip) => other(leaseHolder(core.paths, one.network, ip))),
    )
  );
}

/** Elements of those that ended while theirs were sent: their end took away what was not there yet. */
async function withdrawEnded(core: Core, published: readonly Published[]): Promise<void> {
  const ended = published.filter(
    (one) => lifeOf(core.paths, one.id).status !== 'running' && !isSucceeded(core, one),
  );
  const actions = ended.flatMap((one) =>
    one.steps.flatMap(({ undo }): Noted[] =>
      undo === undefined ? [] : [{ ...undo, why: 'it ended while its ports were published anew' }],
    ),
  );
  if (actions.length > 0)
    await runActions(core.root, 'cannot withdraw the ports of a container that ended', actions);
}

/** All rules anew at once, in a table of ours; where there is none, the next network makes it. */
function rulesAnew({ table, mark }: TableName): Noted {
  return {
    op: 'netlink-check',
    protocol: NETLINK_NETFILTER,
    question: tableQuestion(table),
    expect: Buffer.from(mark),
    messages: freshRules(table),
    why: `every rule of the table ${table} made anew, if it bears our mark`,
  };
}

/**
 * Makes what is missing of table, rules, bridges and the elements of running containers; what is there stays, so
 * that containers that start meanwhile lose nothing. `everything`: the rules themselves are made anew too. What stands
 * under our names and is not ours is left alone: NOT_OURS. `act` is for tests.
 */
export async function restoreRules(core: Core, everything = false, act = runActions): Promise<void> {
  const networks = listNetworks(core.paths).filter((network) => hasLink(network.bridge));
  const published = publishedBy(core);
  const name = tableOf(core);
  const plan: Noted[] = [
    ...networks.flatMap((network) => networkUp(core, network, true)),
    ...(networks.length === 0 ? [] : planChecks(name, networks)),
    ...(everything ? [rulesAnew(name)] : []),
    ...networks.flatMap(forwardingSteps),
    ...published.flatMap((one) => one.steps),
  ];
  const actions = plan.map(({ undo: _undo, ...action }): Noted => action);
  if (actions.length === 0) return;
  await act(core.root, 'cannot restore the rules of networks', actions);
  await withdrawEnded(core, published);
}
