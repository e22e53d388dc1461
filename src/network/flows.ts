/** Flows that connection tracking decided about before: see native/flows.c. Numbers from nfnetlink_conntrack.h. */
import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { ipBytes } from './address.ts';
import { attribute, message, messages, NLM, NOTHING, nested } from './netlink.ts';
import { head } from './nft.ts';
import { heldAddress, IP_PROTOCOL, isAny, type PortRange, targetsOf } from './publish.ts';

type Forget = Extract<Action, { op: 'forget-flows' }>;

const CT_GET = (1 << 8) | 1;
const CTA = { tupleOrig: 1, tupleReply: 2, filter: 25 } as const;
/** Families of addresses: AF_INET, AF_INET6. */
const AF = { four: 2, six: 10 } as const;
/** By what the kernel narrows the list down: CTA_FILTER_F_… of linux/net/netfilter/nf_conntrack_netlink.c. */
const FILTER = { protocol: 8, portSource: 16, portTarget: 32 } as const;

interface Which {
  family: number;
  protocol: number;
  /** Empty: any. */
  ip: Uint8Array;
  first: number;
  count: number;
}

function forget({ family, protocol, ip, first, count }: Which, reply: boolean): Forget {
  const isOne = count === 1;
  const port = reply ? 2 : 3;
  // Not by its address: for IPv6 the kernel leaves out those that are equal (ctnetlink_filter_match_tuple).
  const flags = FILTER.protocol | (isOne ? (reply ? FILTER.portSource : FILTER.portTarget) : 0);
  const proto = [
    attribute(1, Buffer.from([protocol])),
    ...(isOne ? [attribute(port, Buffer.from([first >> 8, first & 0xff]))] : []),
  ];
  const tuple = nested(reply ? CTA.tupleReply : CTA.tupleOrig, nested(2, ...proto));
  const filter = nested(CTA.filter, attribute(1, reply ? 0 : flags), attribute(2, reply ? flags : 0));
  const question = messages(message(CT_GET, NLM.DUMP, head(family), tuple, filter));
  return { op: 'forget-flows', question, protocol, ip, first, count, reply: reply ? 1 : 0 };
}

const familyOf = (address: Uint8Array): number => (address.length === 4 ? AF.four : AF.six);

/** TCP begins each flow anew; whoever sends UDP all the time never does. */
const lastsForEver = ({ protocol }: PortRange): boolean => protocol === 'udp';

function flowsOf(range: PortRange, addresses: readonly string[], reply: boolean): Forget[] {
  if (!lastsForEver(range)) return [];
  const { protocol, hostIp, hostPort, containerPort, count } = range;
  const isOfAll = hostIp === '' || isAny(hostIp);
  return targetsOf(range, addresses.map(ipBytes)).map((target) => {
    const sentTo = isOfAll ? NOTHING : heldAddress(range, target);
    const ip = reply ? target : sentTo;
    const first = reply ? containerPort : hostPort;
    return forget({ family: familyOf(target), protocol: IP_PROTOCOL[protocol], ip, first, count }, reply);
  });
}

/** After a range was published: who sent to it before reaches the container, too. */
export const flowsTo = (range: PortRange, addresses: readonly string[]): Forget[] =>
  flowsOf(range, addresses, false);

/** After a range is published no more: who goes on sending reaches nobody that has the container's address later. */
export const flowsFrom = (range: PortRange, addresses: readonly string[]): Forget[] =>
  flowsOf(range, addresses, true);

/** In front of the elements of a range, so that it is undone after theirs: then nothing begins such a flow again. */
export function planFlowsEnd(range: PortRange, addresses: readonly string[], text: string): Step[] {
  return steps(
    'host',
    ...flowsFrom(range, addresses).map((undo): Action & StepNotes => ({
      op: 'own',
      what: `flows to ${text}`,
      why: 'UDP has no end: who goes on sending must not reach who has this address next',
      undo,
    })),
  );
}

/** Behind them. */
export function planFlowsBegin(range: PortRange, addresses: readonly string[], text: string): Step[] {
  return steps(
    'host',
    ...flowsTo(range, addresses).map((action): Action & StepNotes => ({
      ...action,
      why: `who sent to ${text} before it was ours reaches the container from now on`,
    })),
  );
}
