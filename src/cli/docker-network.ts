import type { ContainerDetails, EndpointSummary, NetworkDetails } from '../engine/types.ts';

function endpoint(one: EndpointSummary): Record<string, unknown> {
  return {
    IPAMConfig: null,
    Aliases: one.aliases.length === 0 ? null : one.aliases,
    MacAddress: one.mac,
    NetworkID: one.networkId,
    Gateway: one.gateway,
    IPAddress: one.ip,
    IPPrefixLen: one.prefix,
    IPv6Gateway: one.gateway6 ?? '',
    GlobalIPv6Address: one.ip6 ?? '',
    GlobalIPv6PrefixLen: one.ip6 === undefined ? 0 : (one.prefix6 ?? 0),
  };
}

const MOST_PORT = 65_535;

type Published = ContainerDetails['hostConfig']['publish'];

/** What -p asked for, port by port; an empty HostPort: one that is chosen. */
export function portBindings(
  publish: Published,
): Record<string, Array<{ HostIp: string; HostPort: string }>> {
  const bindings: Record<string, Array<{ HostIp: string; HostPort: string }>> = {};
  for (const { protocol, hostIp, hostPort, containerPort, count } of publish) {
    for (let i = 0; i < count; i++) {
      const port = `${containerPort + i}/${protocol}`;
      const one = { HostIp: hostIp, HostPort: hostPort === undefined ? '' : String(hostPort + i) };
      bindings[port] = [...(bindings[port] ?? []), one];
    }
  }
  return bindings;
}

/** "8000-8010/tcp" of EXPOSE stands for each of them; what is published is exposed too. */
export function exposedPorts(
  exposed: readonly string[],
  publish: Published,
): Record<string, Record<string, never>> | null {
  const given = exposed.flatMap((text) => {
    const [, first = '', last = first, protocol = 'tcp'] =
      /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/.exec(text) ?? [];
    // An image may say anything.
    if (first === '' || Number(last) > MOST_PORT) return [text];
    const count = Math.max(Number(last) - Number(first) + 1, 0);
    return Array.from({ length: count }, (_, i) => `${Number(first) + i}/${protocol}`);
  });
  const all = [...given, ...Object.keys(portBindings(publish))];
  return all.length === 0 ? null : Object.fromEntries(all.map((port) => [port, {}]));
}

/** The part of `inspect` about networks, in Docker's shape. */
export function networkSettings(details: ContainerDetails): Record<string, unknown> {
  const ports: Record<string, Array<{ HostIp: string; HostPort: string }>> = {};
  for (const { protocol, hostIp, hostPort, containerPort } of details.published) {
    const key = `${containerPort}/${protocol}`;
    ports[key] = [...(ports[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }];
  }
  const first = details.endpoints[0];
  return {
    Ports: ports,
    IPAddress: details.ip,
    IPPrefixLen: first?.prefix ?? 0,
    Gateway: first?.gateway ?? '',
    MacAddress: first?.mac ?? '',
    Networks: Object.fromEntries(details.endpoints.map((one) => [one.network, endpoint(one)])),
  };
}

/** A network as `docker network inspect` prints it. */
export function dockerNetwork(network: NetworkDetails): Record<string, unknown> {
  const members = network.members.filter(({ isRunning }) => isRunning);
  return {
    Name: network.name,
    Id: network.id,
    Created: new Date(network.createdAtMs).toISOString(),
    Scope: 'local',
    Driver: network.driver,
    EnableIPv4: network.subnets.length > 0,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: network.subnets.map(({ subnet, gateway, ipRange }) => ({
        Subnet: subnet,
        ...(ipRange === undefined ? {} : { IPRange: ipRange }),
        Gateway: gateway,
      })),
    },
    Internal: network.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(
      members.map((member) => [
        member.id,
        {
          Name: member.name,
          EndpointID: '',
          MacAddress: member.mac,
          IPv4Address: withPrefix(network, member.ip),
          IPv6Address: member.ip6 === undefined ? '' : withPrefix(network, member.ip6),
        },
      ]),
    ),
    Options:
      network.bridge === ''
        ? {}
        : {
            ...network.options,
            'com.docker.network.bridge.name': network.bridge,
            'com.docker.network.driver.mtu': String(network.mtu),
          },
    Labels: network.labels,
  };
}

/** "10.208.0.2/22": Docker writes addresses of members with the length of their subnet. */
function withPrefix(network: NetworkDetails, ip: string): string {
  const subnet = network.subnets.find((one) => one.subnet.includes(':') === ip.includes(':'))?.subnet ?? '';
  return `${ip}${subnet.slice(subnet.indexOf('/'))}`;
}
