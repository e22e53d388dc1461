import * as nf from './egress-nft.ts';

/*
 * A table in the container's own network namespace; nothing of it is seen on the host, and it goes with the namespace.
 *
 *   chain out, hook output:
 *     oif lo                                          accept
 *     IPv4 options, IPv6 routing header               goto deny   they name other places than the header's destination
 *     ct state established,related, reply direction   accept      answers to whoever came in
 *     ct state established,related, ct mark our mark  accept      what these rules let out, when its name has expired too
 *     tcp, udp dport 53, 853                          goto deny   names are the resolver's matter
 *     icmpv6: neighbour discovery, group membership   accept      without it there is no IPv6 at all
 *     daddr in @ranges-MARK                           ct mark set our mark, accept
 *     daddr in @never                                 goto deny   whatever a name resolves to
 *     daddr in @names-MARK                            ct mark set our mark, accept
 *                                                     goto deny
 *   chain deny:
 *                                                     count (daddr, protocol, port) in @denied
 *     (daddr, protocol, port) in @told                goto reject
 *                                                     put it in @told, log to group 5, goto reject
 *   chain reject:
 *     tcp                                             reset
 *                                                     icmpx admin-prohibited
 *
 * The mark is the number of the list: 1 at the start, one more with each `update`. Connections under another mark are
 * looked at again. The sets of a list carry it in their names, so that an answer that was on its way under an older list
 * finds no set to go into.
 */
export const TABLE = 'mydocker-egress';
export const LOG_GROUP = 5;
export const LOG_BYTES = 96;

const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const PORTS_OF_RESOLVERS = [53, 853];
/** RFC 4861: router solicitation, neighbour solicitation and advertisement; they come with hop limit 255. */
const DISCOVERY = [133, 135, 136];
/** RFC 2710, RFC 3810: group membership; sent to ff02::/16. */
const MEMBERSHIP = [131, 132, 143];
const ROUTING_HEADER = 43;

/** What the rules know of IPv4 and IPv6. */
export interface FamilyFacts {
  suffix: '4' | '6';
  nfproto: number;
  bytes: 4 | 16;
  /** Of the destination, in the header. */
  offset: number;
  /** As nft(8) knows it. */
  type: number;
}
export const FOUR: FamilyFacts = { suffix: '4', nfproto: 2, bytes: 4, offset: 16, type: nf.TYPE.ipv4 };
export const SIX: FamilyFacts = { suffix: '6', nfproto: 10, bytes: 16, offset: 24, type: nf.TYPE.ipv6 };
export const FAMILIES = [FOUR, SIX];

const byte = (value: number): Buffer => Buffer.from([value]);
const port = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const isFamily = ({ nfproto }: FamilyFacts): Buffer[] => [nf.meta(nf.META.nfproto), nf.same(byte(nfproto))];
const isProtocol = (protocol: number): Buffer[] => [nf.meta(nf.META.l4proto), nf.same(byte(protocol))];
const destination = ({ offset, bytes }: FamilyFacts): Buffer => nf.payload(1, offset, bytes);

/** "names4-00000001": see the drawing. */
export function ofList(kind: 'names' | 'ranges', suffix: string, mark: number): string {
  return `${kind}${suffix}-${markText(mark)}`;
}

/** Eight digits, as the resolver finds them in its file. */
export function markText(mark: number): string {
  return mark.toString(16).padStart(8, '0');
}

const rule = (...expressions: Buffer[]): Buffer => nf.newRule(TABLE, 'out', ...expressions);
const marking = (mark: number): Buffer[] => [
  nf.load(nf.own32(mark)),
  nf.setConntrack(nf.CT.mark),
  nf.accept(),
];
/** ESTABLISHED or RELATED. */
const established = (): Buffer[] => [
  nf.conntrack(nf.CT.state),
  nf.mask(nf.own32(6)),
  nf.differs(nf.own32(0)),
];
const answers = (): Buffer =>
  rule(...established(), nf.conntrack(nf.CT.direction), nf.same(byte(1)), nf.accept());

/**
 * Of the chain out, without a list: all goes out, but the kernel follows each connection and knows who began it. Without
 * that, one that is open when a list comes could be taken for one that somebody else opened, by a packet that comes in.
 */
export function openRules(mark: number): Buffer[] {
  return [answers(), rule(...marking(mark))];
}

/** Of the chain out. */
export function outRules(mark: number): Buffer[] {
  const marked = marking(mark);
  const inRanges = (family: FamilyFacts, set: string): Buffer[] => [
    ...isFamily(family),
    destination(family),
    nf.inSet(set),
  ];
  return [
    rule(nf.meta(nf.OIF), nf.same(nf.own32(1)), nf.accept()),
    rule(...isFamily(FOUR), nf.payload(1, 0, 1), nf.mask(byte(15)), nf.differs(byte(5)), nf.goTo('deny')),
    rule(...isFamily(SIX), nf.hasHeader(ROUTING_HEADER), nf.same(byte(1)), nf.goTo('deny')),
    answers(),
    rule(...established(), nf.conntrack(nf.CT.mark), nf.same(nf.own32(mark)), nf.accept()),
    ...[TCP, UDP].flatMap((protocol) =>
      PORTS_OF_RESOLVERS.map((number) =>
        rule(...isProtocol(protocol), nf.payload(2, 2, 2), nf.same(port(number)), nf.goTo('deny')),
      ),
    ),
    ...neighbours().map((match) => rule(...match, nf.accept())),
    ...FAMILIES.flatMap((family) => [
      rule(...inRanges(family, ofList('ranges', family.suffix, mark)), ...marked),
      rule(...inRanges(family, `never${family.suffix}`), nf.goTo('deny')),
      rule(...inRanges(family, ofList('names', family.suffix, mark)), ...marked),
    ]),
    rule(nf.goTo('deny')),
  ];
}

/** What IPv6 cannot do without. */
function neighbours(): Buffer[][] {
  const kind = (number: number): Buffer[] => [
    ...isFamily(SIX),
    ...isProtocol(ICMPV6),
    nf.payload(2, 0, 1),
    nf.same(byte(number)),
  ];
  const lastHop = [nf.payload(1, 7, 1), nf.same(byte(255))];
  const onLink = [nf.payload(1, 24, 2), nf.same(Buffer.from([0xff, 0x02]))];
  return [
    ...DISCOVERY.map((number) => [...kind(number), ...lastHop]),
    ...MEMBERSHIP.map((number) => [...kind(number), ...onLink]),
  ];
}

/** Registers 8 …: destination, protocol, port (0 where there are none). */
function deniedKey(family: FamilyFacts, hasPorts: boolean): Buffer[] {
  const behind = 8 + family.bytes / 4;
  const last = hasPorts ? nf.payload(2, 2, 2, behind + 1) : nf.load(Buffer.alloc(4), behind + 1);
  return [destination(family), nf.meta(nf.META.l4proto, behind), last];
}

/** Of the chain deny. */
export function denyRules(): Buffer[] {
  const rule = (...expressions: Buffer[]): Buffer => nf.newRule(TABLE, 'deny', ...expressions);
  const kinds: Array<readonly [match: Buffer[], hasPorts: boolean]> = [
    [isProtocol(TCP), true],
    [isProtocol(UDP), true],
    [[nf.meta(nf.META.l4proto), nf.differs(byte(TCP)), nf.differs(byte(UDP))], false],
  ];
  const rules = FAMILIES.flatMap((family) =>
    kinds.flatMap(([match, hasPorts]) => {
      const [denied, told] = [`denied${family.suffix}`, `told${family.suffix}`];
      const key = [...isFamily(family), ...match, ...deniedKey(family, hasPorts)];
      return [
        rule(...key, nf.countIn(denied)),
        rule(...key, nf.inSet(told), nf.goTo('reject')),
        rule(...key, nf.putIn(told), nf.log(LOG_GROUP, LOG_BYTES), nf.goTo('reject')),
      ];
    }),
  );
  return [...rules, rule(nf.goTo('reject'))];
}

/** Of the chain reject. */
export const rejectRules = (): Buffer[] => [
  nf.newRule(TABLE, 'reject', ...isProtocol(TCP), nf.rejectTcp()),
  nf.newRule(TABLE, 'reject', nf.prohibit()),
];
