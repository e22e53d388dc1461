import { type ContainerRecord, type Endpoint, releaseLease } from '../storage/index.ts';
import type { Core } from './core.ts';

/* What every start asks about a container's networks; all else is loaded where it is in one. */

/** The network every container is in that names none. It is made when first needed. */
export const DEFAULT_NETWORK = 'bridge';

/** "container:<id>": what a record has in place of a network when it shares that of another container. */
export const CONTAINER = 'container:';

/** The id of the container whose network it shares. */
export function sharedNetwork({ network }: Pick<ContainerRecord, 'network'>): string | undefined {
  return network.startsWith(CONTAINER) ? network.slice(CONTAINER.length) : undefined;
}

/** True for a container with a place in networks: not for none, host, or the namespace of another. */
export function isWired(network: string): boolean {
  return network !== 'none' && network !== 'host' && !network.startsWith(CONTAINER);
}

/** Gives the addresses of a place back. */
export function unplug(core: Core, id: string, endpoint: Endpoint): void {
  for (const ip of addressesOf(endpoint)) releaseLease(core.paths, endpoint.network, ip, id);
}

export function addressesOf(endpoint: Endpoint): string[] {
  return endpoint.ip6 === undefined ? [endpoint.ip] : [endpoint.ip, endpoint.ip6];
}
