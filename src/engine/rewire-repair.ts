import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import {
  networksDir,
  planCutCable,
  planDropPorts,
  planReach,
  planSwitchPorts,
  planWayOut,
  planWithin,
} from '../network/index.ts';
import type { Action, Step, StepNotes } from '../plan/index.ts';
import { runActions } from '../shim/index.ts';
import {
  type ContainerRecord,
  leasesOf,
  listNetworks,
  networkDir,
  type PortRecord,
  portClaims,
  type RunState,
  readRecord,
  readWiring,
  releaseLease,
  runDir,
  type Wiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { INTERNAL_MARK, markInternal } from './internal-mark.ts';
import { addressesOf } from './joined.ts';
import { publishedBy } from './live-steps.ts';
import { hasLink, tableOf } from './network-up.ts';
import { requireNetwork } from './plug.ts';
import { releasePorts } from './ports.ts';
import { EndedMeanwhile, settlePlan } from './rewire.ts';
import { isBroken, settledLife } from './status.ts';
import { endpointNames, hostLink, isInternal, mainEndpoint } from './wiring.ts';

/* What is there is made to agree with network.json, after somebody was killed while changing it. */

type Noted = Action & StepNotes;
const MOST_LINKS = 64;

const entries = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);

/** Names of this container in any network, and what leads its resolver there, but those it has. */
function strayNames(core: Core, record: ContainerRecord, wiring: Wiring): Noted[] {
  const why = 'left by an interrupted command';
  const names = listNetworks(core.paths).flatMap((network): Noted[] => {
    const directory = networkDir(core.paths, network.name);
    const endpoint = wiring.endpoints.find((one) => one.networkId === network.id);
    const own = endpoint === undefined ? [] : endpointNames(record, endpoint);
    const ips = endpoint === undefined || own.length === 0 ? [] : addressesOf(endpoint);
    const unlink = (kind: string, entry: string): Noted => ({
      op: 'name-unlink',
      directory: `${directory}/${kind}/${entry}`,
      file: record.id,
      why,
    });
    const addresses = entries(`${directory}/addresses`).filter((ip) => {
      if (ips.includes(ip)) return false;
      return readlinkSync(`${directory}/addresses/${ip}`).startsWith(record.id);
    });
    return [
      ...entries(`${directory}/names`)
        .filter((name) => !own.includes(name))
        .map((name) => unlink('names', name)),
      ...addresses.map((ip): Noted => ({ op: 'unlink', path: `${directory}/addresses/${ip}`, why })),
    ];
  });
  const place = networksDir(runDir(core.paths, record.id));
  const links = entries(place)
    .filter((name) => name !== INTERNAL_MARK && !wiring.endpoints.some(({ network }) => network === name))
    .map((name): Noted => ({ op: 'unlink', path: `${place}/${name}`, why }));
  return [...names, ...links];
}

/** Host ports it has claimed and does not publish. */
function strayPorts(core: Core, id: string, wiring: Wiring): PortRecord[] {
  const isOwn = (one: PortRecord): boolean =>
    wiring.ports.some(
      (range) =>
        range.protocol === one.protocol &&
        range.hostIp === one.hostIp &&
        one.hostPort >= range.hostPort &&
        one.hostPort < range.hostPort + range.count,
    );
  return [...portClaims(core.paths)].flatMap(([name, holder]): PortRecord[] => {
    const [, protocol, ip = '', port] = /^(tcp|udp)-(.+)-(\d+)$/.exec(name) ?? [];
    if (holder !== id || (protocol !== 'tcp' && protocol !== 'udp')) return [];
    const one = {
      protocol,
      hostIp: ip === 'any' ? '' : ip,
      hostPort: Number(port),
      containerPort: 0,
      count: 1,
    } as const;
    return isOwn(one) ? [] : [one];
  });
}

function strayLeases(core: Core, id: string, wiring: Wiring): Array<readonly [network: string, ip: string]> {
  return listNetworks(core.paths).flatMap(({ name }) => {
    const own = wiring.endpoints.find(({ network }) => network === name);
    return [...leasesOf(core.paths, name)]
      .filter(([ip, holder]) => holder === id && (own === undefined || !addressesOf(own).includes(ip)))
      .map(([ip]) => [name, ip] as const);
  });
}

/** Of a running one: cables, names, elements and the way out. */
function liveRepair(core: Core, state: RunState, record: ContainerRecord, wiring: Wiring): Noted[] {
  const { table } = tableOf(core);
  const cables = Array.from({ length: MOST_LINKS }, (_, i) => `eth${i}`)
    .filter((link) => !wiring.endpoints.some((end) => end.link === link))
    .map((link) => hostLink(record.id, link))
    .filter(hasLink);
  const published = publishedBy(core, wiring);
  const addresses = [...new Set([...published.addresses, ...wiring.endpoints.flatMap(addressesOf)])];
  const dropped = planDropPorts(table, {
    ports: [...published.ports, ...strayPorts(core, record.id, wiring)],
    // One of each family: which address an element leads to does not matter for taking it away.
    addresses: [...addresses, '0.0.0.0', '::'],
  });
  const main = mainEndpoint(core, wiring);
  const way = main === undefined ? [] : planWayOut(requireNetwork(core.paths, main.network));
  const all: Step[] = [
    ...planReach(runDir(core.paths, record.id), state.pid, state.startTicks),
    ...cables.flatMap(planCutCable),
    ...planWithin(way),
  ];
  const put = planSwitchPorts(table, { ports: [], addresses: [] }, published);
  return [...all, ...dropped, ...put].map(({ undo: _undo, ...action }) => action as Noted);
}

/** Makes everything of a container agree with its network.json again. */
export async function putRight(core: Core, id: string): Promise<void> {
  const { state } = await settledLife(core.paths, id);
  const record = readRecord(core.paths, id);
  const wiring = readWiring(core.paths, id);
  if (record === undefined || isBroken(record) || wiring === undefined) return;
  const names = strayNames(core, record, wiring);
  const live = state === undefined ? [] : liveRepair(core, state, record, wiring);
  const what = `cannot put right the networks of ${record.name}`;
  if (live.length + names.length > 0) await runActions(core.root, what, [...live, ...names]);
  if (state !== undefined)
    await settlePlan(core, { record, wiring }).catch((error: unknown) => {
      if (!(error instanceof EndedMeanwhile)) throw error;
    });
  if (state !== undefined) markInternal(core.paths, id, isInternal(core, wiring));
  for (const range of strayPorts(core, id, wiring)) releasePorts(core, id, range);
  for (const [network, ip] of strayLeases(core, id, wiring)) releaseLease(core.paths, network, ip, id);
}

/** Of a container that goes: every address and host port that bears its id. */
export function dropStrays(core: Core, id: string): void {
  const none = { endpoints: [], publish: [], ports: [] };
  for (const range of strayPorts(core, id, none)) releasePorts(core, id, range);
  for (const [network, ip] of strayLeases(core, id, none)) releaseLease(core.paths, network, ip, id);
}
