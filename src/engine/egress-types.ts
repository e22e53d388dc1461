/** A new list of what a container may reach; or what is added to the one it has, and taken out of it. */
export type EgressChange =
  | { egress: readonly string[] | 'any' }
  | { egressAdd?: readonly string[]; egressRemove?: readonly string[] };

/** What a container that has a list asked for and did not get, since its last start. */
export interface DeniedAccess {
  /** A name that the resolver refused; or an address, and then what was sent there. */
  kind: 'name' | 'address';
  /** "example.com", "192.0.2.7", "2001:db8::7". */
  to: string;
  /** "dns" for a name; "tcp", "udp", "icmp", "ipv6-icmp" or a number. */
  protocol: string;
  /** 0 where there is none. */
  port: number;
  /** How often: queries, or packets. */
  count: number;
  /** Unix milliseconds. */
  lastMs: number;
}
