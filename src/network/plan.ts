import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { ipBytes } from './address.ts';
import {
  defaultRoute,
  getLink,
  hairpin,
  hasAddress,
  INDEX_AT,
  linkUp,
  newAddress,
  newBridge,
  newVeth,
} from './link.ts';
import { messages, NETLINK_NETFILTER, NETLINK_ROUTE, NOTHING, places } from './netlink.ts';
import { batch, getTable } from './nft.ts';
import { bridgeElements, closedElements, wholeTable } from './ruleset.ts';
import { ERRNO, leaveLink, netfilter, route, send } from './send.ts';

type Noted = Action & StepNotes;

/** A bridge and its addresses. */
export interface BridgePlan {
  bridge: string;
  /** Six bytes, hexadecimal. */
  mac: string;
  mtu: number;
  internal: boolean;
  gateway: string;
  prefix: number;
  gateway6?: string;
  prefix6?: number;
  /** The kernel has IPv6, so that the bridge has it too, be it asked for or not. */
  kernelHasIpv6: boolean;
}

/** A container's place in a network. */
export interface EndpointPlan {
  bridge: string;
  bridgeMac: string;
  /** The end that stays on the host. */
  hostLink: string;
  /** Its name inside: eth0. */
  link: string;
  mac: string;
  mtu: number;
  ip: string;
  prefix: number;
  ip6?: string;
  prefix6?: number;
  /** Set on the one that the default route goes by. */
  gateway?: string;
  gateway6?: string;
}

/** Our table and the mark by which we know it again. */
export interface TableName {
  table: string;
  mark: string;
}

/** A kernel setting that must be "1". */
export interface Setting {
  path: string;
  why: string;
}

/** Interfaces of the host between which it forwards nothing, though forwarding is on for us. */
export interface Closed {
  version: 4 | 6;
  links: readonly string[];
}

/** RFC 8200, section 5. */
export const LEAST_MTU6 = 1280;

/** The setting of a bridge that says whether it is complete: BRIDGE_COMPLETE. */
export const bridgeMark = (bridge: string): string => `/proc/sys/net/ipv4/conf/${bridge}/tag`;
export const BRIDGE_COMPLETE = String(0x6d64);

/** A network that is not there yet, or not any more after a reboot: table, bridge, settings. Shared by containers: no undo. */
export function planNetworkUp(
  name: TableName,
  plan: BridgePlan,
  settings: readonly Setting[],
  closed: readonly Closed[],
): Step[] {
  const list: Noted[] = [
    {
      ...netfilter(wholeTable(name.table, name.mark), ERRNO.EEXIST),
      why: `the nftables table ${name.table}: chains, rules, empty sets; left as it is where it is there`,
    },
    tableCheck(name),
    {
      ...netfilter(batch(...bridgeElements(name.table, plan.bridge, plan.internal)), ERRNO.EEXIST),
      why: `${plan.bridge} is one of our bridges: masqueraded, and closed to other networks`,
    },
    ...closed
      .filter(({ links }) => links.length > 0)
      .map(
        ({ version, links }): Noted => ({
          // A table that an earlier version made has no such set: `network reload` makes it.
          ...netfilter(batch(closedElements(name.table, version, links)), ERRNO.ENOENT),
          why: `forwarding of IPv${version} was off before us: still none between ${links.join(', ')}`,
        }),
      ),
    ...settings.map(({ path, why }): Noted => ({ op: 'write', path, data: '1', create: 0, why })),
    {
      ...route([newBridge(plan.bridge, Buffer.from(plan.mac, 'hex'), plan.mtu)], { harmless: ERRNO.EEXIST }),
      why: 'RTM_NEWLINK: the bridge of the network; all its containers share it',
    },
    // Before anything is done to it: one of that name may have been there.
    bridgeCheck(plan),
  ];
  list.push(...closedToAdvertisements(plan));
  const addresses = [newAddress(ipBytes(plan.gateway), plan.prefix)];
  if (plan.gateway6 !== undefined) addresses.push(newAddress(ipBytes(plan.gateway6), plan.prefix6 ?? 64));
  // One that was there may have been set down: `network reload` makes it good.
  addresses.push(linkUp(0));
  list.push(
    {
      ...route(addresses, { harmless: ERRNO.EEXIST, link: plan.bridge, linkAt: indexPlaces(addresses) }),
      why: `RTM_NEWADDR: ${plan.gateway}, the gateway of its containers`,
    },
    {
      op: 'write',
      path: bridgeMark(plan.bridge),
      data: BRIDGE_COMPLETE,
      create: 0,
      why: 'a number for anybody’s use (ip-sysctl.rst): this bridge has all of the above, and is not made again',
    },
  );
  return steps('host', ...list);
}

/**
 * A container that sends router advertisements would give the host an address, a default route and a resolver
 * (CVE-2020-13401): before the first cable the bridge takes none, and knows no IPv6 where its network has none.
 */
function closedToAdvertisements({ bridge, gateway6, kernelHasIpv6, mtu }: BridgePlan): Noted[] {
  // With a smaller MTU the kernel gives it no IPv6, and no such settings.
  if (!kernelHasIpv6 || mtu < LEAST_MTU6) return [];
  const set = (name: string, data: string, why: string): Noted => ({
    op: 'write',
    path: `/proc/sys/net/ipv6/conf/${bridge}/${name}`,
    data,
    create: 0,
    why,
  });
  return [
    set('accept_ra', '0', 'the host takes no router advertisements from containers'),
    ...(gateway6 === undefined
      ? [set('disable_ipv6', '1', 'a network without IPv6: the host has none in it')]
      : []),
  ];
}

/** Where messages for an interface that the shim finds have its number; those for lo know theirs. */
function indexPlaces(list: readonly Buffer[]): Buffer {
  let at = 0;
  const found: number[] = [];
  for (const one of list) {
    if (one.readInt32LE(INDEX_AT) === 0) found.push(at + INDEX_AT);
    at += one.length;
  }
  return places(...found);
}

function check(protocol: number, question: Buffer, expect: Buffer, why: string): Noted {
  return { op: 'netlink-check', protocol, question, expect, messages: NOTHING, why };
}

function tableCheck({ table, mark }: TableName): Noted {
  const why = `the table ${table} is there and bears our mark`;
  return check(NETLINK_NETFILTER, getTable(table), Buffer.from(mark), why);
}

function bridgeCheck({ bridge, mac }: { bridge: string; mac: string }): Noted {
  const why = `${bridge} is the bridge we made: it has the MAC address we gave it`;
  return check(NETLINK_ROUTE, messages(getLink(bridge)), hasAddress(Buffer.from(mac, 'hex')), why);
}

/** What stands under our names is ours: looked at before anything is added to it. */
export function planChecks(name: TableName, bridges: ReadonlyArray<{ bridge: string; mac: string }>): Step[] {
  return steps('host', tableCheck(name), ...bridges.map(bridgeCheck));
}

/** Before what is others' as soon as the cables are gone: addresses. planCable()'s undo has begun to take them away by then. */
export function planCablesGone(ends: readonly EndpointPlan[]): Step[] {
  return steps(
    'host',
    ...ends.map(
      ({ hostLink }): Noted => ({
        op: 'own',
        what: hostLink,
        why: 'its address is free when it is out of sight',
        undo: { op: 'await-link', name: hostLink },
      }),
    ),
  );
}

/** The cable: its host end in the bridge, its other end in the child's namespace. */
export function planCable(end: EndpointPlan, publishes = false): Step[] {
  const veth = newVeth({
    host: end.hostLink,
    peer: end.link,
    mac: Buffer.from(end.mac, 'hex'),
    mtu: end.mtu,
  });
  const cable: Noted = {
    ...send(NETLINK_ROUTE, veth.bytes, {
      link: end.bridge,
      linkAt: places(veth.masterAt),
      pidAt: places(veth.pidAt),
    }),
    why: `RTM_NEWLINK: a veth pair: ${end.hostLink} in the bridge, ${end.link} born in the container`,
    undo: leaveLink(end.hostLink, false),
  };
  return steps('host', cable, ...(publishes ? [hairpinStep(end.hostLink)] : []));
}

export function hairpinStep(link: string): Noted {
  return {
    ...route([hairpin()], { link, linkAt: places(INDEX_AT) }),
    why: `RTM_SETLINK: ${link} may send back what came by it: the container can call its own published ports`,
  };
}

/** Addresses and routes, from inside. */
export function planAddresses(ends: readonly EndpointPlan[]): Step[] {
  return ends.flatMap((end, i) => {
    const list = i === 0 ? [linkUp(1), linkUp(0)] : [linkUp(0)];
    list.push(newAddress(ipBytes(end.ip), end.prefix));
    if (end.ip6 !== undefined) list.push(newAddress(ipBytes(end.ip6), end.prefix6 ?? 64));
    const linkAt = indexPlaces(list);
    if (end.gateway !== undefined) list.push(defaultRoute(ipBytes(end.gateway)));
    if (end.gateway6 !== undefined) list.push(defaultRoute(ipBytes(end.gateway6)));
    const first = i === 0 ? 'lo up; ' : '';
    const last = end.gateway === undefined ? 'no way out by it' : `default route by ${end.gateway}`;
    return steps('init', {
      ...route(list, { link: end.link, linkAt }),
      why: `RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE: ${first}${end.link} up, its address ${end.ip}/${end.prefix}, ${last}`,
    });
  });
}

/** Names under which others in the network find it; undone when it ends. */
export function planNames(directory: string, names: readonly string[], file: string, text: string): Step[] {
  return steps(
    'host',
    ...names.map((name): Noted => {
      const at = { directory: `${directory}/${name}`, file };
      return {
        op: 'name-link',
        ...at,
        text,
        why: `others in the network find it as ${name}`,
        undo: { op: 'name-unlink', ...at },
      };
    }),
  );
}

/** The way back from its addresses to its name. */
export function planReverse(directory: string, addresses: readonly string[], text: string): Step[] {
  return steps(
    'host',
    ...addresses.map((file): Noted => {
      const at = { directory, file };
      return {
        op: 'name-link',
        ...at,
        text,
        why: `others in the network learn whose ${file} is`,
        undo: { op: 'name-unlink', ...at },
      };
    }),
  );
}
