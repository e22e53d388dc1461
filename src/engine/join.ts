import { badInput } from '../base/index.ts';
import type { ImageConfig } from '../image/index.ts';
import { type ContainerRecord, findContainer, readNetwork } from '../storage/index.ts';
import type { Core } from './core.ts';
import { CONTAINER, DEFAULT_NETWORK, isWired } from './joined.ts';
import { requireRecord } from './status.ts';
import type { ContainerSpec, NetworkJoin } from './types.ts';

/** The networks a container is to join; one entry 'none', 'host' or 'container:…' when it joins none. */
export function joinsOf(core: Core, spec: ContainerSpec): readonly NetworkJoin[] {
  const asked = spec.networks ?? [{ name: spec.network ?? core.defaultNetwork }];
  // Docker's word for what is used when nothing is said.
  return asked.map((join) => (join.name === 'default' ? { ...join, name: core.defaultNetwork } : join));
}

/** Before a container is made: the default network is made when it is needed and not there yet. */
export async function prepareNetworks(core: Core, spec: ContainerSpec): Promise<void> {
  if (!joinsOf(core, spec).some(({ name }) => name === DEFAULT_NETWORK)) return;
  if (readNetwork(core.paths, DEFAULT_NETWORK) === undefined)
    await (await import('./network-create.ts')).ensureDefaultNetwork(core);
}

function checkJoins(joins: readonly NetworkJoin[]): void {
  joins.forEach(checkDefaultUse);
  const seen = new Set<string>();
  for (const { name } of joins) {
    if (joins.length > 1 && !isWired(name)) {
      throw badInput(`--network ${name} cannot be combined with another network`, {
        subject: name,
        remedy: 'give it alone, or only names of networks',
      });
    }
    if (seen.has(name)) {
      throw badInput(`the network ${name} is given twice`, { subject: name, remedy: 'give it once' });
    }
    seen.add(name);
  }
}

/** Names and fixed addresses are for networks that somebody made, as with Docker. Throws BAD_INPUT. */
export function checkDefaultUse({ name, ip, ip6, aliases = [] }: NetworkJoin): void {
  if (name !== DEFAULT_NETWORK) return;
  const flag =
    ip !== undefined
      ? '--ip'
      : ip6 !== undefined
        ? '--ip6'
        : aliases.length > 0
          ? '--network-alias'
          : undefined;
  if (flag === undefined) return;
  throw badInput(`${flag} has no use in the default network, ${DEFAULT_NETWORK}`, {
    subject: flag,
    remedy: 'make a network (mydocker network create NAME) and join that: --network NAME',
  });
}

/** What only a container with a network of its own can have. */
function checkUse(spec: ContainerSpec, mode: string, joins: readonly NetworkJoin[]): void {
  if (isWired(mode)) return;
  const [join] = joins;
  const shares = mode.startsWith(CONTAINER);
  const useless = [
    [(spec.publish ?? []).length > 0 || spec.publishAll === true, '-p'],
    [join?.ip !== undefined, '--ip'],
    [join?.ip6 !== undefined, '--ip6'],
    [join?.mac !== undefined, '--mac-address'],
    [(join?.aliases ?? []).length > 0, '--network-alias'],
    // Its files and its resolver are the other's.
    [shares && spec.dns !== undefined, '--dns'],
    [shares && spec.dnsSearch !== undefined, '--dns-search'],
    [shares && spec.dnsOptions !== undefined, '--dns-option'],
    [shares && (spec.extraHosts ?? []).length > 0, '--add-host'],
  ] as const;
  const flag = useless.find(([given]) => given)?.[1];
  if (flag === undefined) return;
  throw badInput(`${flag} has no effect with --network ${mode}`, {
    subject: flag,
    remedy: `leave ${flag} out, or use a network (--network ${DEFAULT_NETWORK})`,
  });
}

/** The record's `network`: 'container:' with the whole id. Throws BAD_INPUT, NO_SUCH_CONTAINER. */
export function networkMode(core: Core, spec: ContainerSpec, joins: readonly NetworkJoin[]): string {
  checkJoins(joins);
  const mode = joins[0]?.name ?? core.defaultNetwork;
  checkUse(spec, mode, joins);
  if (!mode.startsWith(CONTAINER)) return mode;
  if (spec.hostname !== undefined) {
    throw badInput(`--hostname has no effect with --network ${mode}`, {
      subject: '--hostname',
      remedy: 'leave it out: the host name is that of the other container',
    });
  }
  return `${CONTAINER}${findContainer(core.paths, mode.slice(CONTAINER.length))}`;
}

/** With another's network namespace comes its host name: /etc/hosts is shared too. */
export function hostnameOf(core: Core, mode: string): string | undefined {
  if (!mode.startsWith(CONTAINER)) return undefined;
  return requireRecord(core.paths, mode.slice(CONTAINER.length)).hostname;
}

/** Further names and ports of the record. */
export function networkingRecord(
  spec: ContainerSpec,
  config: ImageConfig,
): Pick<ContainerRecord, 'networking'> {
  const { extraHosts, publishAll, expose } = spec;
  const exposed = [...Object.keys(config.ExposedPorts ?? {}), ...(expose ?? [])];
  const networking = {
    ...(publishAll === true ? { publishAll } : {}),
    ...(exposed.length === 0 ? {} : { exposed }),
    ...(extraHosts === undefined ? {} : { extraHosts: [...extraHosts] }),
  };
  return Object.keys(networking).length === 0 ? {} : { networking };
}
