import {
  type EndpointPlan,
  isOnLoopback,
  networksDir,
  planAddresses,
  planCable,
  planCablesGone,
  planChecks,
  planLoopbackWay,
  planNames,
  planPublish,
  planReverse,
  planSelf,
  rangeText,
} from '../network/index.ts';
import { type Step, steps } from '../plan/index.ts';
import {
  type ContainerRecord,
  type Endpoint,
  leaseFile,
  type NetworkRecord,
  networkDir,
  type PortRecord,
  portFile,
  readNetwork,
  runDir,
  type Wiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { internalStep } from './internal-mark.ts';
import { addressesOf, DEFAULT_NETWORK } from './joined.ts';
import { forwardingSteps, networkUp, readSetting, tableOf } from './network-up.ts';
import { requireNetwork, subnetOfText } from './plug.ts';

/** Name of the end on the host; a network interface has at most 15 characters. */
export function hostLink(id: string, link: string): string {
  return `md${id.slice(0, 10)}-${link.replace('eth', '')}`;
}

const IPV4 = '/proc/sys/net/ipv4';

export function endpointPlan(
  id: string,
  endpoint: Endpoint,
  network: NetworkRecord,
  isDefaultRoute: boolean,
): EndpointPlan {
  const { link, mac, ip, ip6 } = endpoint;
  const six =
    ip6 === undefined || network.subnet6 === undefined
      ? {}
      : { ip6, prefix6: subnetOfText(network.subnet6).prefix };
  const ways = isDefaultRoute
    ? {
        gateway: network.gateway,
        ...(ip6 === undefined || network.gateway6 === undefined ? {} : { gateway6: network.gateway6 }),
      }
    : {};
  return {
    bridge: network.bridge,
    bridgeMac: network.mac,
    hostLink: hostLink(id, link),
    link,
    mac,
    mtu: network.mtu,
    ip,
    prefix: subnetOfText(network.subnet).prefix,
    ...six,
    ...ways,
  };
}

/** Steps of a launch that plug a container in. */
export interface WiringSteps {
  /** What it has before its plan: ports, and if it goes with its run, addresses. */
  own: Step[];
  /** What is undone before anything of it may be others': it waits for its cables' end. */
  gone: Step[];
  host: Step[];
  init: Step[];
}

/** Names by which others in a network find a container. */
export function endpointNames(record: ContainerRecord, endpoint: Endpoint): string[] {
  if (endpoint.network === DEFAULT_NETWORK) return [];
  const names = [record.name, record.id.slice(0, 12), ...endpoint.aliases].map((name) => name.toLowerCase());
  return [...new Set(names)];
}

/** Steps that publish the names of one place, and let its resolver look in that network. */
export function nameSteps(core: Core, record: ContainerRecord, endpoint: Endpoint): Step[] {
  const names = endpointNames(record, endpoint);
  if (names.length === 0) return [];
  const directory = networkDir(core.paths, endpoint.network);
  const addresses = addressesOf(endpoint);
  const link = `${networksDir(runDir(core.paths, record.id))}/${endpoint.network}`;
  return [
    ...steps('host', {
      op: 'symlink',
      target: directory,
      path: link,
      why: `its resolver looks for names in ${endpoint.network}`,
    }),
    ...planNames(`${directory}/names`, names, record.id, addresses.join(' ')),
    ...planReverse(`${directory}/addresses`, addresses, `${record.id} ${record.name}`),
  ];
}

/** The place whose gateway is the container's way out, and where its ports lead to: the first that has one. */
export function mainEndpoint(core: Core, wiring: Wiring): Endpoint | undefined {
  return wiring.endpoints.find((e) => readNetwork(core.paths, e.network)?.internal === false);
}

/** It is in networks, and none of them leads out. */
export function isInternal(core: Core, wiring: Wiring): boolean {
  return wiring.endpoints.length > 0 && mainEndpoint(core, wiring) === undefined;
}

/** Everything a launch does about networks. Throws NO_SUCH_NETWORK. */
export function wiringSteps(
  core: Core,
  record: ContainerRecord,
  wiring: Wiring,
  pretended?: NetworkRecord,
): WiringSteps {
  const all = wiring.endpoints.map((endpoint) => ({
    endpoint,
    network: pretended?.name === endpoint.network ? pretended : requireNetwork(core.paths, endpoint.network),
  }));
  const main = all.find(({ network }) => !network.internal)?.endpoint;
  const networkOf = (endpoint: Endpoint): NetworkRecord =>
    all.find((one) => one.endpoint === endpoint)?.network ?? requireNetwork(core.paths, endpoint.network);
  const ends = all.map(({ endpoint, network }) =>
    endpointPlan(record.id, endpoint, network, endpoint === main),
  );
  const name = tableOf(core);
  const networks = [...new Map(all.map(({ network }) => [network.name, network])).values()];
  const addresses = main === undefined ? [] : addressesOf(main);
  return {
    own: [
      ...(record.autoRemove ? ownLeases(core, record.id, wiring) : []),
      ...wiring.ports.flatMap((range) => ownPort(core, record.id, range)),
    ],
    host: [
      ...networks.flatMap((network) => networkUp(core, network)),
      ...(ends.length === 0 ? [] : planChecks(name, networks)),
      ...networks.flatMap(forwardingSteps),
      ...(main === undefined ? [] : portSteps(core, wiring.ports, networkOf(main), addresses)),
      ...wiring.endpoints.flatMap((endpoint) => nameSteps(core, record, endpoint)),
      ...(main === undefined && ends.length > 0 ? internalStep(core.paths, record.id) : []),
      ...ends.flatMap((end) => planCable(end, end.gateway !== undefined && wiring.ports.length > 0)),
    ],
    gone: planCablesGone(ends),
    init: planAddresses(ends),
  };
}

/** Steps that publish ports of a container that has them: see ownPort(). */
export function portSteps(
  core: Core,
  ports: readonly PortRecord[],
  network: NetworkRecord,
  addresses: readonly string[],
): Step[] {
  if (ports.length === 0) return [];
  const { table } = tableOf(core);
  const way = `${IPV4}/conf/${network.bridge}/route_localnet`;
  const isOpen = !ports.some(isOnLoopback) || readSetting(way) === '1';
  return [
    ...(isOpen ? [] : planLoopbackWay(network.bridge)),
    ...ports.flatMap((range) => planPublish(table, range, addresses)),
    ...planSelf(table, addresses),
  ];
}

function ownLeases(core: Core, id: string, wiring: Wiring): Step[] {
  return wiring.endpoints.flatMap((endpoint) =>
    addressesOf(endpoint).flatMap((ip) => {
      const path = leaseFile(core.paths, endpoint.network, ip);
      return steps('host', {
        op: 'own',
        what: path,
        why: '--rm: the address is free again afterwards',
        undo: { op: 'unlink-link', path, text: id },
      });
    }),
  );
}

/** Taken before the plan: whoever has these links may take the map's elements away, and nobody else. */
export function ownPort(core: Core, id: string, range: PortRecord): Step[] {
  const { protocol, hostIp, hostPort: first, count } = range;
  const what = portFile(core.paths, protocol, hostIp, first);
  const prefix = what.slice(0, what.lastIndexOf('-') + 1);
  return steps('host', {
    op: 'own',
    what,
    why: `says whose the port ${rangeText(range)} is; free again when the container ends`,
    undo: { op: 'unlink-ports', prefix, first, count, text: id },
  });
}

export { checkBridge } from './network-up.ts';
export { requireNetwork } from './plug.ts';
