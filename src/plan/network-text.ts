import { netlinkText } from './netlink-text.ts';
import type { Action } from './step.ts';

const NETFILTER = 12;
const quote = (text: string): string => JSON.stringify(text);
const dotted = (number: number): string => [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');

/** Names, and what a container may reach: codes from 130. */
export function networkText(a: Action): string | undefined {
  switch (a.op) {
    case 'resolver':
      return `bind(${dotted(a.address)}:53, UDP and TCP, on lo), sendmsg(the sockets to the monitor)`;
    case 'resolver-config':
      return `resolver-config(names below ${quote(a.networks)}, ${a.servers.length / 24} resolvers of the host)`;
    case 'nft-batch':
    case 'nft-dump':
      return `sendto(NETLINK_NETFILTER, ${netlinkText(NETFILTER, a.message)})`;
    case 'denied-files':
      return `denied-files(${quote(a.names)}, ${quote(a.packets)})`;
    case 'filter-sockets':
      return 'socket(NETLINK_NETFILTER) twice, sendmsg(them to the monitor)';
    case 'egress-element':
      return `egress-element(an IPv${a.family === 0 ? 4 : 6} address with every answer)`;
    case 'events':
      return `events(${quote(a.path)}, ${quote(a.started)}, ${quote(a.ended)}${a.gone === '' ? '' : `, ${quote(a.gone)}`})`;
    default:
      return undefined;
  }
}
