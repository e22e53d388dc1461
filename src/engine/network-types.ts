/** A network to join, and as what. */
export interface NetworkJoin {
  name: string;
  /** A fixed address; default: a free one. */
  ip?: string;
  ip6?: string;
  /** "02:42:ac:11:00:02"; default: made from the address. */
  mac?: string;
  /** Further names for others in the network to find it by. */
  aliases?: readonly string[];
}

/** A range of ports of the host that leads to ports of a container. */
export interface PublishSpec {
  protocol: 'tcp' | 'udp';
  /** Address of the host; "": all of them. */
  hostIp: string;
  /** First one; absent: any free ones. */
  hostPort?: number;
  /** First one. */
  containerPort: number;
  count: number;
}

/** Other published ports for a container. */
export interface PortChanges {
  add?: readonly PublishSpec[];
  /** What is left out (the host's port, its address) fits all. */
  remove?: readonly PublishSpec[];
}

/** How a container reaches others and is reached. */
export interface NetworkingSpec {
  /**
   * 'none': a network namespace with loopback only; 'host': the host's; 'container:REF': that of another container;
   * else the name of a network. Default: the engine's, which is 'bridge'.
   */
  network?: string;
  /** Several networks; the default route goes by the first. Instead of `network`. */
  networks?: readonly NetworkJoin[];
  publish?: readonly PublishSpec[];
  /** Publish every port the image exposes, on free ports of the host. */
  publishAll?: boolean;
  /** Further ports the container serves: "80/tcp". Published by `publishAll`. */
  expose?: readonly string[];
  /** Lines of /etc/hosts: "name:address"; the address "host-gateway" is the host's. */
  extraHosts?: readonly string[];
}

/** What `network create` takes. */
export interface NetworkSpec {
  name: string;
  driver?: string;
  /** "172.20.0.0/24", and for IPv6 "fd00:1::/64". Default: a free one of the engine's pool. */
  subnets?: readonly string[];
  gateways?: readonly string[];
  ipRange?: string;
  ipv6?: boolean;
  internal?: boolean;
  labels?: Readonly<Record<string, string>>;
  options?: Readonly<Record<string, string>>;
}

/** A container in a network, as `network inspect` lists it. */
export interface NetworkMember {
  id: string;
  name: string;
  isRunning: boolean;
  ip: string;
  ip6?: string;
  mac: string;
}

export interface NetworkSummary {
  id: string;
  name: string;
  driver: string;
  createdAtMs: number;
  internal: boolean;
  ipv6: boolean;
  subnets: ReadonlyArray<{ subnet: string; gateway: string; ipRange?: string }>;
  /** The interface on the host. */
  bridge: string;
  mtu: number;
  labels: Readonly<Record<string, string>>;
  options: Readonly<Record<string, string>>;
}

export interface NetworkDetails extends NetworkSummary {
  members: readonly NetworkMember[];
}

/** Where a container is plugged in: part of its summary and of `inspect`. */
export interface EndpointSummary {
  network: string;
  networkId: string;
  link: string;
  mac: string;
  ip: string;
  prefix: number;
  gateway: string;
  ip6?: string;
  prefix6?: number;
  gateway6?: string;
  aliases: readonly string[];
}

/** One published port. */
export interface PublishedPort {
  protocol: 'tcp' | 'udp';
  /** "0.0.0.0", "::" or one address. */
  hostIp: string;
  hostPort: number;
  containerPort: number;
}
