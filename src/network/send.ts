import type { Action } from '../plan/index.ts';
import { deleteLink } from './link.ts';
import { messages, NETLINK_NETFILTER, NETLINK_ROUTE, NOTHING } from './netlink.ts';

export const ERRNO = { ENOENT: 2, EEXIST: 17, ENODEV: 19 } as const;

export type Send = Extract<Action, { op: 'netlink-send' }>;

/** Messages for one kind of netlink socket. */
export function send(protocol: number, bytes: Buffer, more: Partial<Send> = {}): Send {
  return {
    op: 'netlink-send',
    protocol,
    messages: bytes,
    harmless: 0,
    link: '',
    linkAt: NOTHING,
    pidAt: NOTHING,
    ...more,
  };
}

/** rtnetlink messages. */
export const route = (list: readonly Buffer[], more: Partial<Send> = {}): Send =>
  send(NETLINK_ROUTE, messages(...list), more);

/** Takes an interface away; `wait`: until it is out of sight. Harmless where it is gone already. */
export const leaveLink = (name: string, wait = true): Extract<Action, { op: 'delete-link' }> => ({
  op: 'delete-link',
  name,
  messages: messages(deleteLink(name)),
  harmless: ERRNO.ENODEV,
  wait: wait ? 1 : 0,
});

/** An nfnetlink batch; `harmless`: an errno that is no failure. */
export const netfilter = (bytes: Buffer, harmless = 0): Send => send(NETLINK_NETFILTER, bytes, { harmless });
