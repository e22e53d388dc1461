import {
  hairpinStep,
  inverse,
  isOnLoopback,
  type Published,
  planCableInto,
  planChecks,
  planCutCable,
  planLoopbackWay,
  planNewAddresses,
  planOtherWayOut,
  planReach,
  planSwitchPorts,
  planWayOut,
  planWithin,
} from '../network/index.ts';
import { type Step, steps } from '../plan/index.ts';
import {
  type ContainerRecord,
  type Endpoint,
  type NetworkRecord,
  type RunState,
  runDir,
  type Wiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { addressesOf } from './joined.ts';
import { checkBridge, forwardingSteps, networkUp, readSetting, tableOf } from './network-up.ts';
import { requireNetwork } from './plug.ts';
import { endpointPlan, hostLink, mainEndpoint, nameSteps } from './wiring.ts';

/** A container and where it is plugged in. */
export interface Wired {
  record: ContainerRecord;
  wiring: Wiring;
}

export const isSamePlace = (a: Endpoint, b: Endpoint): boolean =>
  a.networkId === b.networkId && a.ip === b.ip && a.ip6 === b.ip6;

/** Places of the one that the other does not have. */
export function placesOnlyIn(one: Wiring, other: Wiring): Endpoint[] {
  return one.endpoints.filter((end) => !other.endpoints.some((same) => isSamePlace(end, same)));
}

export function publishedBy(core: Core, wiring: Wiring): Published {
  const main = mainEndpoint(core, wiring);
  return { ports: wiring.ports, addresses: main === undefined ? [] : addressesOf(main) };
}

/** nameSteps(), each of which can be taken back. */
function undoableNames(core: Core, record: ContainerRecord, endpoint: Endpoint): Step[] {
  return nameSteps(core, record, endpoint).map((step) =>
    step.op === 'symlink' ? { ...step, undo: { op: 'unlink', path: step.path } } : step,
  );
}

/** Of places it keeps: other names, when it was given another. The link to the network stays. */
function renamed(core: Core, before: Wired, after: Wired): Step[] {
  if (before.record.name === after.record.name) return [];
  const kept = after.wiring.endpoints.filter((end) =>
    before.wiring.endpoints.some((same) => isSamePlace(end, same)),
  );
  const namesOf = (record: ContainerRecord): Step[] =>
    kept.flatMap((end) => undoableNames(core, record, end)).filter(({ op }) => op === 'name-link');
  const at = (step: Step): string => (step.op === 'name-link' ? `${step.directory}/${step.file}` : '');
  const [old, next] = [namesOf(before.record), namesOf(after.record)];
  const gone = old.filter((step) => !next.some((other) => at(other) === at(step)));
  // Where only the text is another, the old one comes back if a later step fails.
  const put = next.map((step): Step => {
    const was = old.find((other) => at(other) === at(step));
    const { where: _where, why: _why, undo: _undo, ...action } = was ?? step;
    return was === undefined ? step : { ...step, undo: action };
  });
  return [...put, ...inverse(gone)];
}

function ways(
  core: Core,
  before: Wiring,
  after: Wiring,
): { inside: Step[]; hairpin: (id: string) => Step[] } {
  const [was, is] = [mainEndpoint(core, before), mainEndpoint(core, after)];
  const none = { inside: [], hairpin: () => [] };
  if (is === undefined || (was !== undefined && isSamePlace(was, is))) return none;
  const next = requireNetwork(core.paths, is.network);
  const hairpin = (id: string): Step[] =>
    after.ports.length === 0 ? [] : steps('host', hairpinStep(hostLink(id, is.link)));
  // That of a new place comes with its addresses.
  if (!before.endpoints.some((end) => isSamePlace(end, is))) return { inside: [], hairpin };
  const old = was === undefined ? undefined : requireNetwork(core.paths, was.network);
  const inside: Step[] = old === undefined ? planWayOut(next) : planOtherWayOut(old.gateway, next.gateway);
  const six =
    next.gateway6 === undefined || is.ip6 === undefined
      ? []
      : old?.gateway6 === undefined
        ? planWayOut({ gateway6: next.gateway6 })
        : planOtherWayOut(old.gateway6, next.gateway6);
  return { inside: old === undefined ? inside : [...inside, ...six], hairpin };
}

function loopbackWay(core: Core, wiring: Wiring): Step[] {
  const main = mainEndpoint(core, wiring);
  if (main === undefined || !wiring.ports.some(isOnLoopback)) return [];
  const { bridge } = requireNetwork(core.paths, main.network);
  const isOpen = readSetting(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`) === '1';
  return isOpen ? [] : planLoopbackWay(bridge);
}

/** From one state of a running container to another; what it publishes changes in one moment. */
export function liveSteps(core: Core, state: RunState, before: Wired, after: Wired): Step[] {
  const { id } = after.record;
  const name = tableOf(core);
  const main = mainEndpoint(core, after.wiring);
  const come = placesOnlyIn(after.wiring, before.wiring).map((endpoint) => {
    const network = requireNetwork(core.paths, endpoint.network);
    return { endpoint, network, end: endpointPlan(id, endpoint, network, endpoint === main) };
  });
  const gone = placesOnlyIn(before.wiring, after.wiring);
  const networks: NetworkRecord[] = come.map(({ network }) => network);
  for (const network of networks) checkBridge(network);
  const { inside, hairpin } = ways(core, before.wiring, after.wiring);
  const switched = planSwitchPorts(
    name.table,
    publishedBy(core, before.wiring),
    publishedBy(core, after.wiring),
  );
  const looks = networks.length + switched.length === 0 ? [] : planChecks(name, networks);
  return [
    ...planReach(runDir(core.paths, id), state.pid, state.startTicks),
    ...networks.flatMap((network) => networkUp(core, network)),
    ...looks,
    ...networks.flatMap(forwardingSteps),
    ...come.flatMap(({ end }) => planCableInto(end)),
    ...hairpin(id),
    ...(switched.length === 0 ? [] : loopbackWay(core, after.wiring)),
    ...planWithin([...come.flatMap(({ end }) => planNewAddresses(end)), ...inside]),
    ...come.flatMap(({ endpoint }) => undoableNames(core, after.record, endpoint)),
    ...renamed(core, before, after),
    ...inverse(gone.flatMap((endpoint) => nameSteps(core, before.record, endpoint))),
    ...switched,
    ...gone.flatMap(({ link }) => planCutCable(hostLink(id, link))),
  ];
}
