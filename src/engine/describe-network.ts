import { parseSubnet } from '../network/index.ts';
import { type PortRecord, readNetwork, readWiring, type Wiring } from '../storage/index.ts';
import type { Core } from './core.ts';
import type { EndpointSummary, PublishedPort } from './types.ts';

export function ipOf(wiring: Wiring | undefined): string {
  return wiring?.endpoints[0]?.ip ?? '';
}

const ANY = '0.0.0.0';

/** Each published port; one on all addresses counts once, as 0.0.0.0. */
export function publishedPorts(ranges: readonly PortRecord[]): PublishedPort[] {
  return ranges.flatMap((range) =>
    Array.from({ length: range.count }, (_, i) => ({
      protocol: range.protocol,
      hostIp: range.hostIp === '' ? ANY : range.hostIp,
      hostPort: range.hostPort + i,
      containerPort: range.containerPort + i,
    })),
  );
}

/** "0.0.0.0:8080->80/tcp, 0.0.0.0:9000-9009->9000-9009/tcp". */
export function portsText(ranges: readonly PortRecord[]): string {
  const span = (first: number, count: number): string =>
    count === 1 ? `${first}` : `${first}-${first + count - 1}`;
  return ranges
    .map((range) => {
      const ip = range.hostIp === '' ? ANY : range.hostIp.includes(':') ? `[${range.hostIp}]` : range.hostIp;
      return `${ip}:${span(range.hostPort, range.count)}->${span(range.containerPort, range.count)}/${range.protocol}`;
    })
    .join(', ');
}

/** "02:42:0a:d0:00:02". */
export function macText(mac: string): string {
  return (mac.match(/../g) ?? []).join(':');
}

/** Where a container is plugged in, with what its networks say. */
export function endpointsOf(core: Core, id: string): EndpointSummary[] {
  const wiring = readWiring(core.paths, id);
  return (wiring?.endpoints ?? []).map((endpoint) => {
    const network = readNetwork(core.paths, endpoint.network);
    const prefix = parseSubnet(network?.subnet ?? '')?.prefix ?? 0;
    const prefix6 = parseSubnet(network?.subnet6 ?? '')?.prefix;
    const { link, mac, ip, ip6, aliases, networkId } = endpoint;
    return {
      network: endpoint.network,
      networkId,
      link,
      mac: macText(mac),
      ip,
      prefix,
      gateway: network?.gateway ?? '',
      ...(ip6 === undefined ? {} : { ip6 }),
      ...(prefix6 === undefined ? {} : { prefix6 }),
      ...(network?.gateway6 === undefined ? {} : { gateway6: network.gateway6 }),
      aliases,
    };
  });
}
