import type { Step } from '../plan/index.ts';
import { linkUp } from './link.ts';
import { messages } from './netlink.ts';

/** Loopback is interface 1 of every network namespace, and starts down. */
export function planLoopback(): Step[] {
  return [
    {
      op: 'netlink',
      message: messages(linkUp(1)),
      where: 'init',
      why: 'RTM_NEWLINK: lo, interface 1, set up; 127.0.0.1 comes with it',
    },
  ];
}
