/** How a container finds others by name, and what it may reach. Absent fields: as on the host. */
export interface NameSpec {
  /** Resolvers asked for names that are no container's: addresses, asked in the host's network. */
  dns?: readonly string[];
  /** Domains tried for short names; ["."]: none. */
  dnsSearch?: readonly string[];
  /** Options of resolv.conf(5): "ndots:2". */
  dnsOptions?: readonly string[];
}
