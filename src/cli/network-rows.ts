import type { NetworkSummary } from '../engine/types.ts';
import type { Row } from './rows.ts';

const SHORT_ID = 12;

/** One row of `network ls`. */
export function networkRow(network: NetworkSummary, isWhole: boolean): Row {
  return {
    fields: {
      CreatedAt: new Date(network.createdAtMs).toISOString(),
      Driver: network.driver,
      ID: isWhole ? network.id : network.id.slice(0, SHORT_ID),
      IPv4: String(network.subnets.some(({ subnet }) => !subnet.includes(':'))),
      IPv6: String(network.ipv6),
      Internal: String(network.internal),
      Labels: Object.entries(network.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
      Name: network.name,
      Scope: 'local',
      Subnet: network.subnets.map(({ subnet }) => subnet).join(', '),
    },
    labels: network.labels,
  };
}
