import { attribute, HEADER_BYTES, message, messages, NLM, nested } from './netlink.ts';

/* rtnetlink(7): interfaces, addresses, routes. Numbers from linux/rtnetlink.h, if_link.h and veth.h. */
const RTM = { NEWLINK: 16, DELLINK: 17, GETLINK: 18, SETLINK: 19, NEWADDR: 20, NEWROUTE: 24 } as const;
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  LINKINFO: 18,
  NET_NS_PID: 19,
  NET_NS_FD: 28,
} as const;
const INFO = { KIND: 1, DATA: 2 } as const;
const VETH_INFO_PEER = 1;
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6 } as const;
const IFF_UP = 1;
/** A fresh address in a subnet of ours is nobody else's: no second of waiting to find that out. */
const IFA_F_NODAD = 2;
const AF_INET = 2;
const AF_INET6 = 10;
const MAIN_TABLE = 254;
const RTPROT_STATIC = 4;
const RTN_UNICAST = 1;

/** struct ifinfomsg. */
function linkBody(index: number, up: boolean): Buffer {
  const body = Buffer.alloc(16);
  body.writeInt32LE(index, 4);
  body.writeUInt32LE(up ? IFF_UP : 0, 8);
  body.writeUInt32LE(up ? IFF_UP : 0, 12);
  return body;
}

/** Sets interface `index` up. */
export function linkUp(index: number): Buffer {
  return message(RTM.NEWLINK, 0, linkBody(index, true));
}

/** A bridge, up, with this MAC address: without one it would take on a port's, and change with its ports. */
export function newBridge(name: string, mac: Uint8Array, mtu: number): Buffer {
  return message(
    RTM.NEWLINK,
    NLM.CREATE | NLM.EXCL,
    linkBody(0, true),
    attribute(IFLA.IFNAME, name),
    attribute(IFLA.ADDRESS, mac),
    attribute(IFLA.MTU, mtu),
    nested(IFLA.LINKINFO, attribute(INFO.KIND, 'bridge')),
  );
}

/** A veth pair and where the shim fills in what the plan cannot know. */
export interface VethMessage {
  bytes: Buffer;
  /** Of the bridge's number. */
  masterAt: number;
  /** Of the pid, or of the descriptor, whose network namespace the other end is born in. */
  pidAt: number;
}

/**
 * One message makes both ends: ours up and in the bridge, the other in the child's namespace with its last name and MAC
 * address (veth(4); veth_newlink in drivers/net/veth.c).
 */
export function newVeth(
  end: { host: string; peer: string; mac: Uint8Array; mtu: number },
  by: 'pid' | 'descriptor' = 'pid',
): VethMessage {
  const master = attribute(IFLA.MASTER, 0);
  const kind = attribute(INFO.KIND, 'veth');
  const peer = [
    // Not up yet: it would be opened before the two know of each other (veth_open: ENOTCONN).
    linkBody(0, false),
    attribute(by === 'pid' ? IFLA.NET_NS_PID : IFLA.NET_NS_FD, 0),
    attribute(IFLA.IFNAME, end.peer),
    attribute(IFLA.ADDRESS, end.mac),
    attribute(IFLA.MTU, end.mtu),
  ];
  const info = nested(IFLA.LINKINFO, kind, nested(INFO.DATA, nested(VETH_INFO_PEER, ...peer)));
  const bytes = messages(
    message(
      RTM.NEWLINK,
      NLM.CREATE | NLM.EXCL,
      linkBody(0, true),
      master,
      info,
      attribute(IFLA.IFNAME, end.host),
      attribute(IFLA.MTU, end.mtu),
    ),
  );
  const masterAt = HEADER_BYTES + 16 + 4;
  // Behind the heads of LINKINFO, DATA and PEER, the peer's ifinfomsg, and its attribute's own head.
  const pidAt = HEADER_BYTES + 16 + master.length + 4 + kind.length + 4 + 4 + 16 + 4;
  return { bytes, masterAt, pidAt };
}

/** Removes an interface, and with an end of a veth pair the other. */
export function deleteLink(name: string): Buffer {
  return message(RTM.DELLINK, 0, linkBody(0, false), attribute(IFLA.IFNAME, name));
}

const AF_BRIDGE = 7;
const IFLA_PROTINFO = 12;
const IFLA_BRPORT_MODE = 4;

/**
 * A port of a bridge, whose number the shim fills in, may send back what came by it: a container's call to itself by
 * the host's address, where bridges call netfilter themselves (br_netfilter).
 */
export function hairpin(): Buffer {
  const body = linkBody(0, false);
  body[0] = AF_BRIDGE;
  return message(RTM.SETLINK, 0, body, nested(IFLA_PROTINFO, attribute(IFLA_BRPORT_MODE, Buffer.from([1]))));
}

/** Asks for an interface. */
export function getLink(name: string): Buffer {
  return message(RTM.GETLINK, 0, linkBody(0, false), attribute(IFLA.IFNAME, name));
}

/** What an answer to getLink() holds when the interface has this MAC address. */
export function hasAddress(mac: Uint8Array): Buffer {
  return attribute(IFLA.ADDRESS, mac);
}

/** Where the interface's number stands in newAddress() and in linkUp(). */
export const INDEX_AT = HEADER_BYTES + 4;

/** An address for an interface whose number the shim fills in. */
export function newAddress(ip: Uint8Array, prefix: number): Buffer {
  const is4 = ip.length === 4;
  const body = Buffer.alloc(8);
  body[0] = is4 ? AF_INET : AF_INET6;
  body[1] = prefix;
  body[2] = is4 ? 0 : IFA_F_NODAD;
  const list = [attribute(IFA.LOCAL, ip), attribute(IFA.ADDRESS, ip)];
  if (is4 && prefix < 31) {
    const broadcast = Buffer.from(ip);
    broadcast.writeUInt32BE((broadcast.readUInt32BE(0) | (0xffffffff >>> prefix)) >>> 0, 0);
    list.push(attribute(IFA.BROADCAST, broadcast));
  }
  return message(RTM.NEWADDR, NLM.CREATE | NLM.EXCL, body, ...list);
}

/** The default route, by a gateway that an address of ours reaches. `replace`: instead of another. */
export function defaultRoute(gateway: Uint8Array, replace = false): Buffer {
  const body = Buffer.alloc(12);
  body[0] = gateway.length === 4 ? AF_INET : AF_INET6;
  body[4] = MAIN_TABLE;
  body[5] = RTPROT_STATIC;
  body[7] = RTN_UNICAST;
  const how = replace ? NLM.REPLACE : NLM.EXCL;
  return message(RTM.NEWROUTE, NLM.CREATE | how, body, attribute(RTA.GATEWAY, gateway));
}
