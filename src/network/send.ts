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

/** aside: by another process. awaited: until it is out of sight. later: it is down at once, and goes when the caller was told. */
export type Leaving = keyof typeof LEAVING;
const LEAVING = { aside: 0, awaited: 1, later: 2 } as const;

/** Takes an interface away. Harmless where it is gone already. */
export const leaveLink = (
  name: string,
  how: Leaving = 'awaited',
): Extract<Action, { op: 'delete-link' }> => ({
  op: 'delete-link',
  name,
  messages: messages(deleteLink(name)),
  harmless: ERRNO.ENODEV,
  how: LEAVING[how],
});

/** An nfnetlink batch; `harmless`: an errno that is no failure. */
export const netfilter = (bytes: Buffer, harmless = 0): Send => send(NETLINK_NETFILTER, bytes, { harmless });
