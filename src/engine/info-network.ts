import { listNetworks, networkNames } from '../storage/index.ts';
import type { Core } from './core.ts';
import { closedBy } from './host-forwarding.ts';
import { DEFAULT_POOL } from './network-subnets.ts';
import { readSetting } from './network-up.ts';
import { settingsOf } from './settings.ts';

const FORWARDING = {
  Ipv4Forwarding: '/proc/sys/net/ipv4/ip_forward',
  Ipv6Forwarding: '/proc/sys/net/ipv6/conf/all/forwarding',
} as const;

function forwarding(core: Core, setting: string): string {
  if (readSetting(setting) !== '1') return 'off';
  const closed = closedBy(core.paths, setting);
  if (closed === undefined) return 'on';
  return closed.length < 2
    ? 'on (switched on by mydocker)'
    : `on (switched on by mydocker; none between ${closed.join(', ')})`;
}

/** What `info` says of networks: also which settings of the host were switched on for them. */
export function networkInfo(core: Core): Record<string, unknown> {
  const localnet = listNetworks(core.paths)
    .filter(({ bridge }) => readSetting(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`) === '1')
    .map(({ name, bridge }) => `${bridge} (${name})`);
  return {
    Networks: networkNames(core.paths).length,
    DefaultNetwork: core.defaultNetwork,
    AddressPool: core.addressPool ?? settingsOf(core).addressPool ?? DEFAULT_POOL,
    ...Object.fromEntries(
      Object.entries(FORWARDING).map(([key, setting]) => [key, forwarding(core, setting)]),
    ),
    RouteLocalnet: localnet,
  };
}
