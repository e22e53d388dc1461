/** What a network needs on the host before its first cable: table, bridge, settings. */
import { existsSync, readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import {
  BRIDGE_COMPLETE,
  type BridgePlan,
  bridgeMark,
  planChecks,
  planForwarding,
  planNetworkUp,
  type Setting,
  type TableName,
} from '../network/index.ts';
import { type Step, steps } from '../plan/index.ts';
import type { NetworkRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { closedWith, markOf } from './host-forwarding.ts';
import { refuseTaken } from './host-routes.ts';
import { readableNetworks } from './network-find.ts';
import { subnetOfText } from './plug.ts';

/** FNV-1a: a short name for a root directory, the same in every run. */
function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash.toString(16).padStart(8, '0');
}

/** Engines of several root directories live beside each other: each has a table of its own. */
export function tableOf(core: Core): TableName {
  const isDefault = core.root === '/var/lib/mydocker';
  return {
    table: isDefault ? 'mydocker' : `mydocker_${shortHash(core.root)}`,
    mark: `mydocker:${core.root}`,
  };
}

const IPV4 = '/proc/sys/net/ipv4';
const IPV6 = '/proc/sys/net/ipv6';

function bridgePlan(network: NetworkRecord): BridgePlan {
  const six =
    network.subnet6 === undefined || network.gateway6 === undefined
      ? {}
      : { gateway6: network.gateway6, prefix6: subnetOfText(network.subnet6).prefix };
  const { bridge, mac, mtu, internal, gateway } = network;
  return {
    bridge,
    mac,
    mtu,
    internal,
    gateway,
    prefix: subnetOfText(network.subnet).prefix,
    ...six,
    kernelHasIpv6: existsSync(IPV6),
  };
}

/** True when its bridge is there, and nobody was stopped in the middle of making it. */
const isComplete = (bridge: string): boolean => readSetting(bridgeMark(bridge)) === BRIDGE_COMPLETE;

/** True when an interface of this name is there in our network namespace. */
export function hasLink(name: string): boolean {
  return existsSync(`${IPV4}/conf/${name}`);
}

export function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Settings of the host a network needs and does not have yet. */
function settingsFor(network: NetworkRecord): Setting[] {
  const list: Setting[] = [];
  if (readSetting(`${IPV4}/ip_forward`) !== '1')
    list.push({
      path: `${IPV4}/ip_forward`,
      why: 'packets may go from one interface to another; off until now',
    });
  if (network.subnet6 !== undefined && readSetting(`${IPV6}/conf/all/forwarding`) !== '1')
    list.push({ path: `${IPV6}/conf/all/forwarding`, why: 'the same for IPv6' });
  return list;
}

/** Steps that let packets of a network through what other software drops. */
export function forwardingSteps(network: NetworkRecord): Step[] {
  const six = network.subnet6 === undefined ? [] : planForwarding(network.bridge, 6);
  return [...planForwarding(network.bridge, 4), ...six];
}

/**
 * Before a network's bridge is made: not for a plan that is only undone, which must come about whatever else is there.
 * Throws SUBNET_IN_USE.
 */
export function checkBridge(network: NetworkRecord): void {
  if (!isComplete(network.bridge)) refuseTaken(network);
}

/** Steps that make a network's bridge and rules; none when the bridge is there. */
export function networkUp(core: Core, network: NetworkRecord, force = false): Step[] {
  if (!force && isComplete(network.bridge)) return [];
  // A table that somebody flushed is not made anew for this network alone: RULES_MISSING restores it for all.
  const others = force ? [] : readableNetworks(core.paths).filter(({ bridge }) => bridge !== network.bridge);
  const checks = others.some(({ bridge }) => hasLink(bridge)) ? planChecks(tableOf(core), []) : [];
  const settings = settingsFor(network);
  const closed = closedWith(core.paths, settings);
  const marks = settings.map((setting) => markOf(core.paths, setting));
  return [
    ...checks,
    ...planNetworkUp(tableOf(core), bridgePlan(network), settings, closed),
    ...steps('host', ...marks),
  ];
}
