import { type EgressList, following, mergedRanges } from './egress-list.ts';
import * as nf from './egress-nfnetlink.ts';

/*
 * A table in the container's own network namespace; nothing of it is seen on the host, and it goes with the namespace.
 *
 *   chain out, hook output:
 *     oif lo                                          accept
 *     ct state established,related, reply direction   accept   answers to whom we let in
 *     ct state established,related, ct mark our mark  accept   what these rules let out, when its name has expired too
 *     tcp, udp dport 53, 853                          goto deny
 *     daddr in @ranges or @names                      ct mark set our mark, accept
 *     icmpv6 to ff02::/16; neighbour discovery        accept   without it there is no IPv6 at all
 *                                                     goto deny
 *   chain deny:
 *     (daddr, protocol, port) in @denied              count, goto reject
 *                                                     count, log to group 5, goto reject
 *   chain reject:
 *     tcp                                             reset
 *                                                     icmpx admin-prohibited
 */
export const TABLE = 'mydocker-egress';
const OUTPUT_HOOK = 3;
const LOG_GROUP = 5;
const LOG_BYTES = 96;
const DENIED_MS = 24 * 3600 * 1000;
const DENIED_MOST = 4096;

const TCP = 6;
const UDP = 17;
const ICMPV6 = 58;
const PORTS_OF_RESOLVERS = [53, 853];

interface FamilyFacts {
  suffix: '4' | '6';
  nfproto: number;
  bytes: 4 | 16;
  /** Of the destination, in the header. */
  offset: number;
  /** nft's datatype.h: ipv4_addr, ipv6_addr. */
  type: number;
}
const FAMILIES: readonly FamilyFacts[] = [
  { suffix: '4', nfproto: 2, bytes: 4, offset: 16, type: 7 },
  { suffix: '6', nfproto: 10, bytes: 16, offset: 24, type: 8 },
];
const INET_PROTO = 12;
const INET_SERVICE = 13;

const byte = (value: number): Buffer => Buffer.from([value]);
const port = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const isFamily = ({ nfproto }: FamilyFacts): Buffer[] => [nf.meta(nf.META.nfproto), nf.same(byte(nfproto))];
const isProtocol = (protocol: number): Buffer[] => [nf.meta(nf.META.l4proto), nf.same(byte(protocol))];
const destination = ({ offset, bytes }: FamilyFacts): Buffer => nf.payload(1, offset, bytes);

function sets(list: EgressList): Buffer[] {
  return FAMILIES.flatMap((family, i) => {
    const { suffix, bytes, type } = family;
    const ranges = mergedRanges(list.ranges.filter(([first]) => first.length === bytes));
    const shape = { keyBytes: bytes, keyType: type };
    const key = (((type << 6) | INET_PROTO) << 6) | INET_SERVICE;
    const all = [
      nf.newSet(TABLE, { ...shape, name: `ranges${suffix}`, flags: nf.SET.INTERVAL }, 3 * i + 1),
      nf.newSet(TABLE, { ...shape, name: `names${suffix}`, flags: nf.SET.TIMEOUT, size: 65536 }, 3 * i + 2),
      nf.newSet(
        TABLE,
        {
          name: `denied${suffix}`,
          flags: nf.SET.TIMEOUT | nf.SET.EVAL,
          keyBytes: bytes + 8,
          keyType: key,
          timeoutMs: DENIED_MS,
          size: DENIED_MOST,
        },
        3 * i + 3,
      ),
    ];
    const elements = ranges.flatMap(([first, last]): nf.Element[] => {
      const end = following(last);
      return [{ key: first }, ...(end === undefined ? [] : [{ key: end, isEnd: true }])];
    });
    return elements.length === 0 ? all : [...all, nf.addElements(TABLE, `ranges${suffix}`, elements)];
  });
}

function outRules(mark: number): Buffer[] {
  const rule = (...expressions: Buffer[]): Buffer => nf.newRule(TABLE, 'out', ...expressions);
  const established = [nf.conntrack(nf.CT.state), nf.mask(nf.own32(6)), nf.differs(nf.own32(0))];
  const marked = [nf.load(nf.own32(mark)), nf.setConntrack(nf.CT.mark), nf.accept()];
  const link = Buffer.from([0xff, 0x02]);
  const six = FAMILIES.slice(1).flatMap(isFamily);
  return [
    rule(nf.meta(nf.META.oif), nf.same(nf.own32(1)), nf.accept()),
    rule(...established, nf.conntrack(nf.CT.direction), nf.same(byte(1)), nf.accept()),
    rule(...established, nf.conntrack(nf.CT.mark), nf.same(nf.own32(mark)), nf.accept()),
    ...[TCP, UDP].flatMap((protocol) =>
      PORTS_OF_RESOLVERS.map((number) =>
        rule(...isProtocol(protocol), nf.payload(2, 2, 2), nf.same(port(number)), nf.goTo('deny')),
      ),
    ),
    ...FAMILIES.flatMap((family) =>
      ['ranges', 'names'].map((set) =>
        rule(...isFamily(family), destination(family), nf.inSet(`${set}${family.suffix}`), ...marked),
      ),
    ),
    rule(...six, ...isProtocol(ICMPV6), nf.payload(1, 24, 2), nf.same(link), nf.accept()),
    ...[135, 136].map((kind) =>
      rule(
        ...six,
        ...isProtocol(ICMPV6),
        nf.payload(1, 7, 1),
        nf.same(byte(255)),
        nf.payload(2, 0, 1),
        nf.same(byte(kind)),
        nf.accept(),
      ),
    ),
    rule(nf.goTo('deny')),
  ];
}

/** Registers 8 …: destination, protocol, port (0 where there are none). */
function deniedKey(family: FamilyFacts, hasPorts: boolean): Buffer[] {
  const behind = 8 + family.bytes / 4;
  const last = hasPorts ? nf.payload(2, 2, 2, behind + 1) : nf.load(Buffer.alloc(4), behind + 1);
  return [destination(family), nf.meta(nf.META.l4proto, behind), last];
}

function denyRules(): Buffer[] {
  const rule = (...expressions: Buffer[]): Buffer => nf.newRule(TABLE, 'deny', ...expressions);
  const kinds: Array<readonly [match: Buffer[], hasPorts: boolean]> = [
    [isProtocol(TCP), true],
    [isProtocol(UDP), true],
    [[nf.meta(nf.META.l4proto), nf.differs(byte(TCP)), nf.differs(byte(UDP))], false],
  ];
  const rules = FAMILIES.flatMap((family) =>
    kinds.flatMap(([match, hasPorts]) => {
      const set = `denied${family.suffix}`;
      const key = [...isFamily(family), ...match, ...deniedKey(family, hasPorts)];
      return [
        rule(...key, nf.inSet(set), nf.countIn(set), nf.goTo('reject')),
        rule(...key, nf.countIn(set), nf.log(LOG_GROUP, LOG_BYTES), nf.goTo('reject')),
      ];
    }),
  );
  return [...rules, rule(nf.goTo('reject'))];
}

const rejectRules = (): Buffer[] => [
  nf.newRule(TABLE, 'reject', ...isProtocol(TCP), nf.resetTcp()),
  nf.newRule(TABLE, 'reject', nf.prohibit()),
];

/**
 * The whole table, in place of one that may be there. `mark`: connections that earlier rules let out, under another one,
 * are looked at again.
 */
export function filterTable(list: EgressList, mark: number): Buffer {
  return nf.batch([
    ...removal(),
    nf.newTable(TABLE),
    nf.newChain(TABLE, 'out', OUTPUT_HOOK),
    nf.newChain(TABLE, 'deny'),
    nf.newChain(TABLE, 'reject'),
    ...sets(list),
    ...outRules(mark),
    ...denyRules(),
    ...rejectRules(),
  ]);
}

/** Made first, so that there is one to remove. */
const removal = (): Buffer[] => [nf.newTable(TABLE), nf.deleteTable(TABLE)];

/** No limits any more. */
export const noFilter = (): Buffer => nf.batch(removal());

/** What puts an address of an answer into its set for a while, and where address and time go: for the monitor. */
export function nameElement(family: 0 | 1): { message: Buffer; addressAt: Buffer; timeoutAt: Buffer } {
  const { suffix, bytes } = FAMILIES[family] as FamilyFacts;
  const key = Buffer.alloc(bytes, 0xa5);
  const timeoutMs = 0x5a5a5a5a5a5a;
  const element = { key, timeoutMs };
  const set = `names${suffix}`;
  // One that is there keeps its time: taken out and put in again, in one step. Removing asks for one to be there.
  const message = nf.batch([
    nf.addElements(TABLE, set, [element]),
    nf.deleteElements(TABLE, set, [{ key }]),
    nf.addElements(TABLE, set, [element]),
  ]);
  return { message, addressAt: offsetsOf(message, key), timeoutAt: offsetsOf(message, nf.u64(timeoutMs)) };
}

function offsetsOf(message: Buffer, what: Buffer): Buffer {
  const found: number[] = [];
  for (let at = message.indexOf(what); at >= 0; at = message.indexOf(what, at + what.length)) found.push(at);
  const out = Buffer.alloc(found.length * 2);
  found.forEach((at, i) => {
    out.writeUInt16LE(at, 2 * i);
  });
  return out;
}

/** What the monitor's second socket asks the kernel for. */
export const hearDenied = (): Buffer => nf.hearLog(LOG_GROUP, LOG_BYTES);

/** Requests for the sets of what was denied, one after the other. */
export const deniedRequests = (): Buffer[] =>
  FAMILIES.map(({ suffix }) => nf.listElements(TABLE, `denied${suffix}`));
export const DENIED_TIMEOUT_MS = DENIED_MS;
