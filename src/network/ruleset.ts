import {
  accept,
  addElements,
  batch,
  conntrack,
  destinationKind,
  differs,
  dnat,
  drop,
  FAMILY,
  flushChain,
  HOOK,
  type Hook,
  ifname,
  inSet,
  jump,
  META,
  META_NFPROTO,
  mapped,
  mask,
  masquerade,
  meta,
  newChain,
  newRule,
  newSet,
  newTable,
  notInSet,
  payload,
  reject,
  rejectTcp,
  type SetShape,
  same,
  TYPE,
} from './nft.ts';

/*
 * The rules, as nft(8) would list them; docs/network.md follows packets through them. They never change: what changes
 * are elements of the sets and maps.
 *
 *   set bridges { type ifname }             bridges of ours
 *   set pairs { type ifname . ifname }      each of them twice: in and out by the same one
 *   set internal { type ifname }            those of --internal networks
 *   set closed4, set closed6                interfaces between which the host forwarded nothing before we switched it on
 *   map any4 { type inet_proto . inet_service : ipv4_addr . inet_service }               -p 8080:80
 *   map one4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }   -p 127.0.0.1:8080:80
 *   map any6, map one6                      the same for IPv6
 *   set self4, set self6                    containers with published ports, each address twice
 */
const { proto, service } = TYPE;
const SETS: readonly SetShape[] = [
  { name: 'bridges', key: [TYPE.ifname] },
  { name: 'pairs', key: [TYPE.ifname, TYPE.ifname] },
  { name: 'internal', key: [TYPE.ifname] },
  { name: 'closed4', key: [TYPE.ifname] },
  { name: 'closed6', key: [TYPE.ifname] },
  { name: 'any4', key: [proto, service], value: [TYPE.ipv4, service] },
  { name: 'one4', key: [TYPE.ipv4, proto, service], value: [TYPE.ipv4, service] },
  { name: 'any6', key: [proto, service], value: [TYPE.ipv6, service] },
  { name: 'one6', key: [TYPE.ipv6, proto, service], value: [TYPE.ipv6, service] },
  { name: 'self4', key: [TYPE.ipv4, TYPE.ipv4] },
  { name: 'self6', key: [TYPE.ipv6, TYPE.ipv6] },
];

const CHAINS: ReadonlyArray<readonly [name: string, hook?: Hook]> = [
  ['publish'],
  ['egress'],
  ['guard', { type: 'filter', number: HOOK.PREROUTING, priority: -300 }],
  ['loopback6', { type: 'filter', number: HOOK.OUTPUT, priority: -150 }],
  ['prerouting', { type: 'nat', number: HOOK.PREROUTING, priority: -100 }],
  ['output', { type: 'nat', number: HOOK.OUTPUT, priority: -100 }],
  ['forward', { type: 'filter', number: HOOK.FORWARD, priority: 0 }],
  ['postrouting', { type: 'nat', number: HOOK.POSTROUTING, priority: 100 }],
];

const IPV4 = [meta(META.nfproto), same(META_NFPROTO.ipv4)];
const IPV6 = [meta(META.nfproto), same(META_NFPROTO.ipv6)];
const fromBridge = [meta(META.iifname), inSet('bridges')];
const toBridge = [meta(META.oifname), inSet('bridges')];
/** Names of both interfaces side by side in registers 8 to 15. */
const sameBridge = [meta(META.iifname), meta(META.oifname, 12), inSet('pairs')];
const LOCAL = Buffer.from([2, 0, 0, 0]); // RTN_LOCAL, as the kernel holds it
const toHost = [destinationKind(), same(LOCAL)];
const bits = (value: number): Buffer => Buffer.from([value, 0, 0, 0]);
const ZERO = bits(0);
/** NF_CT_STATE_BIT of established and related. */
const established = [conntrack(0), mask(bits(2 | 4)), differs(ZERO)];
/** IPS_DST_NAT: what came by a published port. */
const published = [conntrack(2), mask(bits(32)), differs(ZERO)];
const destination4 = (register = 8): Buffer => payload(1, 16, 4, register);
const destination6 = (register = 8): Buffer => payload(1, 24, 16, register);
const source4 = payload(1, 12, 1);
const LOOPBACK4 = Buffer.from([127]);
const LOOPBACK6 = Buffer.from('00000000000000000000000000000001', 'hex');
const toLoopback6 = [...IPV6, payload(1, 24, 16), same(LOOPBACK6)];
const TCP = Buffer.from([6]);
const port = (register: number): Buffer => payload(2, 2, 2, register);
const protocol = (register: number): Buffer => meta(META.l4proto, register);

/** Rules by chain, in order. */
const RULES: ReadonlyArray<readonly [chain: string, ...expressions: Buffer[]]> = [
  // One address first: it is the narrower.
  ['publish', ...IPV4, destination4(), protocol(9), port(10), mapped('one4'), dnat(FAMILY.ip, 8, 9)],
  ['publish', ...IPV4, protocol(8), port(9), mapped('any4'), dnat(FAMILY.ip, 8, 9)],
  ['publish', ...IPV6, destination6(), protocol(12), port(13), mapped('one6'), dnat(FAMILY.ip6, 8, 12)],
  ['publish', ...IPV6, protocol(8), port(9), mapped('any6'), dnat(FAMILY.ip6, 8, 12)],
  // A bridge with route_localnet would let containers at what listens on the host's loopback.
  // Every packet comes by here: a byte is compared sooner than a name is looked for.
  ['guard', ...IPV4, payload(1, 16, 1), same(LOOPBACK4), ...fromBridge, drop()],
  // There is no route_localnet for IPv6: an answer to ::1 would be dropped. A program that tries ::1 first goes on to
  // 127.0.0.1 at once.
  ['loopback6', ...toLoopback6, protocol(8), same(TCP), port(9), mapped('any6'), rejectTcp()],
  ['loopback6', ...toLoopback6, protocol(8), port(9), mapped('any6'), reject()],
  ['prerouting', ...toHost, jump('publish')],
  ['output', ...toHost, jump('publish')],
  ['forward', ...fromBridge, jump('egress')],
  ['forward', ...sameBridge, accept()],
  // Before all that lets something through: a port that another network publishes is no way out of an internal one.
  ['forward', meta(META.iifname), inSet('internal'), drop()],
  ['forward', ...established, accept()],
  ['forward', ...toBridge, ...published, accept()],
  ['forward', ...toBridge, drop()],
  // Forwarding is a setting of the whole host: what it did not do before us between its own interfaces it does not now.
  ...(['4', '6'] as const).map((version): readonly [string, ...Buffer[]] => [
    'forward',
    ...(version === '4' ? IPV4 : IPV6),
    meta(META.iifname),
    inSet(`closed${version}`),
    meta(META.oifname),
    inSet(`closed${version}`),
    drop(),
  ]),
  ['postrouting', ...sameBridge, ...published, masquerade()],
  // A container that calls itself by the host's address: where bridges call netfilter themselves (br_netfilter) no
  // interface is known here. It would refuse a packet from its own address.
  ['postrouting', ...IPV4, payload(1, 12, 4), payload(1, 16, 4, 9), inSet('self4'), masquerade()],
  ['postrouting', ...IPV6, payload(1, 8, 16), payload(1, 24, 16, 12), inSet('self6'), masquerade()],
  ['postrouting', ...fromBridge, meta(META.oifname), notInSet('bridges'), masquerade()],
  ['postrouting', ...toBridge, ...IPV4, source4, same(LOOPBACK4), masquerade()],
];

/** The table with everything but elements; all or nothing, refused with EEXIST when it is there. */
export function wholeTable(table: string, mark: string): Buffer {
  return batch(
    newTable(table, mark),
    ...SETS.map((shape) => newSet(table, shape)),
    ...CHAINS.map(([name, hook]) => newChain(table, name, hook)),
    ...RULES.map(([chain, ...expressions]) => newRule(table, chain, ...expressions)),
  );
}

/** The rules anew, at once; elements stay as they are. The chain of egress is not ours to empty. */
export function freshRules(table: string): Buffer {
  return batch(
    // Of another version of this program some may be missing.
    ...SETS.map((shape) => newSet(table, shape)),
    ...CHAINS.map(([name, hook]) => newChain(table, name, hook)),
    ...CHAINS.filter(([name]) => name !== 'egress').map(([name]) => flushChain(table, name)),
    ...RULES.map(([chain, ...expressions]) => newRule(table, chain, ...expressions)),
  );
}

/** What makes a bridge one of ours. */
export function bridgeElements(table: string, bridge: string, internal: boolean): Buffer[] {
  const name = ifname(bridge);
  return [
    addElements(table, 'bridges', [{ key: name }]),
    addElements(table, 'pairs', [{ key: Buffer.concat([name, name]) }]),
    ...(internal ? [addElements(table, 'internal', [{ key: name }])] : []),
  ];
}

/** Interfaces between which nothing is forwarded. */
export function closedElements(table: string, version: 4 | 6, links: readonly string[]): Buffer {
  return addElements(
    table,
    `closed${version}`,
    links.map((link) => ({ key: ifname(link) })),
  );
}
