import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { ipBytes } from './address.ts';
import { flowsFrom, flowsTo } from './flows.ts';
import { defaultRoute, newVeth } from './link.ts';
import { places } from './netlink.ts';
import { addElements, batch, deleteElements, type Element } from './nft.ts';
import { type EndpointPlan, planAddresses } from './plan.ts';
import { ELEMENTS_A_MESSAGE, elementsOf, type PortRange, selfElement, targetsOf } from './publish.ts';
import { ERRNO, leaveLink, netfilter, route } from './send.ts';

/* Networks and ports of a container that runs: its namespace is entered from outside, nothing runs in it. */

type Noted = Action & StepNotes;

const CLONE_NEWNET = 0x40000000;
const SLOT = { process: 0, theirs: 1, ours: 2 } as const;

/** Takes the turn at a container, and a handle on its network namespace. Refused when it is another by now. */
export function planReach(runDir: string, pid: number, startTicks: number): Step[] {
  return steps(
    'host',
    { op: 'turn', directory: runDir, why: 'its monitor takes nothing back until this is done' },
    {
      op: 'open-namespace',
      path: `/proc/${pid}/ns/net`,
      slot: SLOT.theirs,
      why: 'the container’s network namespace',
    },
    {
      op: 'open-process',
      pid,
      startTicks,
      slot: SLOT.process,
      why: 'that was process 1 of the container; refused if the pid is another process by now',
    },
    { op: 'open-namespace', path: '/proc/self/ns/net', slot: SLOT.ours, why: 'the way back' },
  );
}

/** These steps in the container's network namespace. */
export function planWithin(list: readonly Step[]): Step[] {
  if (list.length === 0) return [];
  const to = (slot: number): Action => ({ op: 'setns', slot, flags: CLONE_NEWNET });
  return [
    ...steps('host', { ...to(SLOT.theirs), why: 'into its network namespace', undo: to(SLOT.ours) }),
    ...list.map((step): Step => ({ ...step, where: 'host' })),
    // Undone first: what was done inside is taken back inside.
    ...steps('host', { ...to(SLOT.ours), why: 'and out of it', undo: to(SLOT.theirs) }),
  ];
}

/** A cable into a running container. */
export function planCableInto(end: EndpointPlan): Step[] {
  const names = { host: end.hostLink, peer: end.link };
  const veth = newVeth({ ...names, mac: Buffer.from(end.mac, 'hex'), mtu: end.mtu }, 'descriptor');
  return steps('host', {
    op: 'netlink-into',
    messages: veth.bytes,
    link: end.bridge,
    linkAt: places(veth.masterAt),
    slot: SLOT.theirs,
    fdAt: places(veth.pidAt),
    why: `RTM_NEWLINK: a veth pair: ${end.hostLink} in the bridge, ${end.link} born in the container`,
    undo: leaveLink(end.hostLink),
  });
}

/** The last step of leaving a network: the addresses and routes inside go with the cable. */
export function planCutCable(hostLink: string): Step[] {
  return steps('host', {
    ...leaveLink(hostLink),
    why: `RTM_DELLINK: ${hostLink}, and with it the end in the container`,
  });
}

/** From inside: addresses of a new end, and the default route if it is the way out. */
export function planNewAddresses(end: EndpointPlan): Step[] {
  const { gateway: _gateway, gateway6: _gateway6, ...rest } = end;
  return [...planAddresses([rest]), ...planWayOut(end)];
}

/** From inside: the default route, where there is none. */
export function planWayOut({ gateway, gateway6 }: Pick<EndpointPlan, 'gateway' | 'gateway6'>): Step[] {
  return [gateway, gateway6].flatMap((ip) =>
    ip === undefined
      ? []
      : steps('host', {
          ...route([defaultRoute(ipBytes(ip))], { harmless: ERRNO.EEXIST }),
          why: `RTM_NEWROUTE: the default route by ${ip}; one that is there stays`,
        }),
  );
}

/** From inside: the default route goes by another network. */
export function planOtherWayOut(before: string, after: string): Step[] {
  return steps('host', {
    ...route([defaultRoute(ipBytes(after), true)]),
    why: `RTM_NEWROUTE: the default route goes by ${after}, no longer by ${before}`,
    undo: route([defaultRoute(ipBytes(before), true)]),
  });
}

/** What a container publishes, and by which of its addresses it is reached. */
export interface Published {
  ports: readonly PortRange[];
  addresses: readonly string[];
}

interface Entry {
  set: string;
  element: Element;
}

function entriesOf({ ports, addresses }: Published): Map<string, Entry> {
  const found = new Map<string, Entry>();
  const put = (set: string, element: Element): void => {
    found.set(`${set} ${Buffer.from(element.key).toString('hex')}`, { set, element });
  };
  if (ports.length === 0) return found;
  for (const range of ports) {
    for (const target of targetsOf(range, addresses.map(ipBytes))) {
      const { map, list } = elementsOf(range, target);
      for (const element of list) put(map, element);
    }
  }
  for (const ip of addresses) {
    const { set, element } = selfElement(ipBytes(ip));
    put(set, element);
  }
  return found;
}

const isSame = (a: Entry, b: Entry | undefined): boolean =>
  b !== undefined && Buffer.compare(a.element.value ?? EMPTY, b.element.value ?? EMPTY) === 0;
const EMPTY = Buffer.alloc(0);

type Make = typeof addElements;

/** One message for at most 512 elements of each set. */
function changes(table: string, list: readonly Entry[], make: Make): Buffer[] {
  return [...new Set(list.map(({ set }) => set))].flatMap((set) => {
    const own = list.filter((entry) => entry.set === set).map(({ element }) => element);
    return Array.from({ length: Math.ceil(own.length / ELEMENTS_A_MESSAGE) }, (_, i) =>
      make(table, set, own.slice(i * ELEMENTS_A_MESSAGE, (i + 1) * ELEMENTS_A_MESSAGE)),
    );
  });
}

const withoutValue: Make = (table, set, list) =>
  deleteElements(
    table,
    set,
    list.map(({ key }) => ({ key })),
  );

/** Flows begun under the old ports end; those that were sent to new ones reach the container. */
function planSwitchFlows(before: Published, after: Published): Step[] {
  const key = (range: PortRange, { addresses }: Published): string => JSON.stringify([range, addresses]);
  const only = (one: Published, other: Published): PortRange[] => {
    const has = new Set(other.ports.map((range) => key(range, other)));
    return one.ports.filter((range) => !has.has(key(range, one)));
  };
  return steps(
    'host',
    ...only(before, after).flatMap((range) =>
      flowsFrom(range, before.addresses).map(
        (action): Noted => ({ ...action, why: 'flows by a port that is published no more end' }),
      ),
    ),
    ...only(after, before).flatMap((range) =>
      flowsTo(range, after.addresses).map(
        (action): Noted => ({
          ...action,
          why: 'who sent to a port before reaches the container from now on',
        }),
      ),
    ),
  );
}

/** From one set of published ports to another, at once: no packet meets half of it. */
export function planSwitchPorts(table: string, before: Published, after: Published): Step[] {
  const [old, next] = [entriesOf(before), entriesOf(after)];
  const gone = [...old].filter(([key, entry]) => !isSame(entry, next.get(key))).map(([, entry]) => entry);
  const come = [...next].filter(([key, entry]) => !isSame(entry, old.get(key))).map(([, entry]) => entry);
  if (gone.length + come.length === 0) return [];
  const send = (from: readonly Entry[], to: readonly Entry[]): ReturnType<typeof netfilter> =>
    netfilter(batch(...changes(table, from, withoutValue), ...changes(table, to, addElements)));
  return [
    ...steps('host', {
      ...send(gone, come),
      why: `the maps of published ports, in one transaction: ${gone.length} elements go, ${come.length} come`,
      undo: send(come, gone),
    }),
    ...planSwitchFlows(before, after),
  ];
}

/** Each element on its own, there or not: after somebody was killed in the middle. */
export function planDropPorts(table: string, published: Published): Noted[] {
  return [...entriesOf(published).values()].map(({ set, element }) => ({
    ...netfilter(batch(deleteElements(table, set, [{ key: element.key }])), ERRNO.ENOENT),
    why: `an element of ${set} that an interrupted command may have left`,
  }));
}

/** The opposite of steps that make names: each is taken back, and made again if a later step fails. */
export function inverse(list: readonly Step[]): Step[] {
  return list.map((step): Step => {
    const { where, why, undo, ...action } = step;
    if (action.op === 'symlink') {
      const back: Action = { op: 'unlink', path: action.path };
      return { ...back, where, why: `not any more: ${why}`, undo: action };
    }
    if (undo === undefined) throw new TypeError(`${action.op} has no opposite`);
    return { ...undo, where, why: `not any more: ${why}`, undo: action as Action };
  });
}
