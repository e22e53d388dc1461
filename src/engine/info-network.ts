import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { currentBootId, listNetworks, networkNames, switchedOnFile } from '../storage/index.ts';
import type { Core } from './core.ts';
import { readSetting } from './wiring.ts';

const FORWARDING = {
  Ipv4Forwarding: '/proc/sys/net/ipv4/ip_forward',
  Ipv6Forwarding: '/proc/sys/net/ipv6/conf/all/forwarding',
} as const;

function mark(core: Core, setting: string): string | undefined {
  try {
    return readFileSync(switchedOnFile(core.paths, setting), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'EACCES') return undefined;
    throw error;
  }
}

function forwarding(core: Core, setting: string): string {
  if (readSetting(setting) !== '1') return 'off';
  return mark(core, setting) === currentBootId() ? 'on (switched on by mydocker)' : 'on';
}

/** What `info` says of networks: also which settings of the host were switched on for them. */
export function networkInfo(core: Core): Record<string, unknown> {
  const localnet = listNetworks(core.paths)
    .filter(({ bridge }) => readSetting(`/proc/sys/net/ipv4/conf/${bridge}/route_localnet`) === '1')
    .map(({ name, bridge }) => `${bridge} (${name})`);
  return {
    Networks: networkNames(core.paths).length,
    DefaultNetwork: core.defaultNetwork,
    AddressPool: core.addressPool,
    ...Object.fromEntries(
      Object.entries(FORWARDING).map(([key, setting]) => [key, forwarding(core, setting)]),
    ),
    RouteLocalnet: localnet,
  };
}
