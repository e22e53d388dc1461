import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { ipBytes } from './address.ts';
import { planFlowsBegin, planFlowsEnd } from './flows.ts';
import { addElements, batch, deleteElements } from './nft.ts';
import {
  heldAddress,
  IP_PROTOCOL,
  type PortRange,
  publishMessages,
  selfElement,
  targetsOf,
  withdrawMessages,
} from './publish.ts';
import { ERRNO, netfilter } from './send.ts';

type Noted = Action & StepNotes;

/** "8080", "127.0.0.1:8080-8089/udp". */
export function rangeText(range: PortRange): string {
  const ip =
    range.hostIp === '' ? '' : range.hostIp.includes(':') ? `[${range.hostIp}]:` : `${range.hostIp}:`;
  const ports =
    range.count === 1 ? `${range.hostPort}` : `${range.hostPort}-${range.hostPort + range.count - 1}`;
  return `${ip}${ports}/${range.protocol}`;
}

/** A port of the host held against other programs, and sent on to the container. */
export function planPublish(table: string, range: PortRange, addresses: readonly string[]): Step[] {
  const list: Noted[] = [];
  const targets = targetsOf(range, addresses.map(ipBytes));
  const text = rangeText(range);
  for (const target of targets) {
    const held = {
      protocol: IP_PROTOCOL[range.protocol],
      address: heldAddress(range, target),
      port: range.hostPort,
      count: range.count,
    };
    list.push({
      op: 'hold-port',
      ...held,
      why: `port ${text} is ours: another program’s bind fails, and ours where another has it`,
      undo: { op: 'release-port', ...held },
    });
  }
  if (targets.length > 0) {
    const add = targets.flatMap((target) => publishMessages(table, range, target));
    const remove = targets.flatMap((target) => withdrawMessages(table, range, target));
    list.push({
      ...netfilter(batch(...add), 0),
      why: `elements of the maps any4, one4, any6, one6: packets for ${text} go to the container`,
      undo: netfilter(batch(...remove), ERRNO.ENOENT),
    });
  }
  return [
    ...planFlowsEnd(range, addresses, text),
    ...steps('host', ...list),
    ...planFlowsBegin(range, addresses, text),
  ];
}

/** Once for a container that publishes ports: it can call itself by them. */
export function planSelf(table: string, addresses: readonly string[]): Step[] {
  const list = addresses.map((ip) => selfElement(ipBytes(ip)));
  if (list.length === 0) return [];
  return steps('host', {
    ...netfilter(batch(...list.map(({ set, element }) => addElements(table, set, [element])))),
    why: 'elements of the sets self4, self6: its calls to its own published ports are masqueraded',
    undo: netfilter(
      batch(...list.map(({ set, element }) => deleteElements(table, set, [element]))),
      ERRNO.ENOENT,
    ),
  });
}

/** True for a range that 127.0.0.1 of the host leads to as well. */
export function isOnLoopback(range: PortRange): boolean {
  return range.hostIp === '' || range.hostIp === '0.0.0.0' || range.hostIp.startsWith('127.');
}

/** The host's 127.0.0.1 leads to containers on this bridge. */
export function planLoopbackWay(bridge: string): Step[] {
  return steps('host', {
    op: 'write',
    path: `/proc/sys/net/ipv4/conf/${bridge}/route_localnet`,
    data: '1',
    create: 0,
    why: 'answers to 127.0.0.1 may come from this bridge; the chain guard keeps containers out of the host’s loopback',
  });
}
