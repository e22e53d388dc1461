/** How a container finds others by name, and what it may reach. Absent fields: as on the host. */
export interface NameSpec {
  /** Resolvers asked for names that are no container's: addresses, asked in the host's network. */
  dns?: readonly string[];
  /** Domains tried for short names; ["."]: none. */
  dnsSearch?: readonly string[];
  /** Options of resolv.conf(5): "ndots:2". */
  dnsOptions?: readonly string[];
  /**
   * What it may reach: names ("example.com", "*.example.org"), addresses and ranges ("10.0.0.0/8"); an empty list:
   * nothing. 'any': everything, but so that `update` can limit it while it runs. Absent: everything.
   */
  egress?: readonly string[] | 'any';
}
