import { writeAtomic } from '../base/index.ts';
import { jsonOf, Remembered } from './atomic.ts';
import { containerDir, type Paths } from './paths.ts';

/** A container's place in a network. Addresses as text. */
export interface Endpoint {
  network: string;
  networkId: string;
  /** Name of the interface inside: eth0. */
  link: string;
  /** 12 hex digits. */
  mac: string;
  ip: string;
  ip6?: string;
  /** Further names in this network. */
  aliases: string[];
}

/** `-p`, as asked for. */
export interface PublishRecord {
  protocol: 'tcp' | 'udp';
  /** "": all addresses of the host. */
  hostIp: string;
  /** Absent: any that is free. */
  hostPort?: number;
  containerPort: number;
  /** How many ports in a row. */
  count: number;
}

/** A range of ports as it is published now, or was in the last run. */
export interface PortRecord {
  protocol: 'tcp' | 'udp';
  hostIp: string;
  hostPort: number;
  containerPort: number;
  count: number;
}

/** network.json in a container's directory: where it is plugged in. Changed by `connect`, `disconnect` and `update`. */
export interface Wiring {
  endpoints: Endpoint[];
  publish: PublishRecord[];
  ports: PortRecord[];
}

export const wiringFile = (directory: string): string => `${directory}/network.json`;

function isWiring(value: unknown): value is Wiring {
  const lists = ['endpoints', 'publish', 'ports'];
  return (
    typeof value === 'object' &&
    value !== null &&
    lists.every((name) => Array.isArray((value as Record<string, unknown>)[name]))
  );
}

const wirings = new Remembered();

/** Where a container is plugged in; undefined when it has no network of its own, or the file is damaged. */
export function readWiring(paths: Paths, id: string): Wiring | undefined {
  return jsonOf(wirings.read(wiringFile(containerDir(paths, id))), isWiring);
}

/** `unseen`: see writeAtomic(). */
export function writeWiring(directory: string, wiring: Wiring, unseen = false): void {
  writeAtomic(wiringFile(directory), `${JSON.stringify(wiring)}\n`, { sync: false, unseen });
}

/** A claim while somebody changes the networks or ports of a container: one whose owner has ended was interrupted. */
export function rewiringFile(paths: Paths, id: string): string {
  return `${containerDir(paths, id)}/rewiring`;
}
