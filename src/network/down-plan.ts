import type { Action, StepNotes } from '../plan/index.ts';
import { forgetForwarding } from './forward.ts';
import { deleteLink, getLink, hasAddress } from './link.ts';
import { messages, NETLINK_ROUTE } from './netlink.ts';
import { batch, deleteElements, ifname } from './nft.ts';
import { ERRNO, netfilter } from './send.ts';

type Noted = Action & StepNotes;

/** A network goes: its bridge, if the interface of that name is the one we made, and what the rules know of it. */
export function planNetworkDown(
  table: string,
  { bridge, mac, internal, subnet6 }: { bridge: string; mac: string; internal: boolean; subnet6?: string },
): Noted[] {
  const key = ifname(bridge);
  const sets = [
    deleteElements(table, 'bridges', [{ key }]),
    deleteElements(table, 'pairs', [{ key: Buffer.concat([key, key]) }]),
    ...(internal ? [deleteElements(table, 'internal', [{ key }])] : []),
  ];
  return [
    ...forgetForwarding(bridge, 4),
    ...(subnet6 === undefined ? [] : forgetForwarding(bridge, 6)),
    {
      op: 'netlink-check',
      protocol: NETLINK_ROUTE,
      question: messages(getLink(bridge)),
      expect: hasAddress(Buffer.from(mac, 'hex')),
      messages: messages(deleteLink(bridge)),
      why: `RTM_DELLINK: the bridge ${bridge}, if it has the MAC address we gave it`,
    },
    {
      // Last: without its bridge the network is made anew by its next container, elements too.
      ...netfilter(batch(...sets), ERRNO.ENOENT),
      why: `${bridge} is no bridge of ours any more`,
    },
  ];
}
