import type { Step } from '../plan/index.ts';

/** rtnetlink(7) numbers. */
const RTM_NEWLINK = 16;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const IFF_UP = 1;
const HEADER_BYTES = 16;
const IFINFO_BYTES = 16;

/** "Set interface `index` up": nlmsghdr and ifinfomsg, no attributes (rtnetlink(7)). */
export function linkUp(index: number): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + IFINFO_BYTES);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(RTM_NEWLINK, 4);
  message.writeUInt16LE(NLM_F_REQUEST | NLM_F_ACK, 6);
  message.writeUInt32LE(1, 8);
  message.writeInt32LE(index, HEADER_BYTES + 4);
  message.writeUInt32LE(IFF_UP, HEADER_BYTES + 8);
  message.writeUInt32LE(IFF_UP, HEADER_BYTES + 12);
  return message;
}

/** Loopback is interface 1 of every network namespace, and starts down. */
export function planLoopback(): Step[] {
  return [
    {
      op: 'netlink',
      message: linkUp(1),
      where: 'init',
      why: 'RTM_NEWLINK: lo, interface 1, set up; 127.0.0.1 comes with it',
    },
  ];
}
