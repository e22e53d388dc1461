import { badInput, MydockerError } from '../base/index.ts';
import {
  type ContainerRecord,
  findContainer,
  listNetworks,
  type NetworkRecord,
  readNetwork,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { recordEvent } from './events-file.ts';
import { DEFAULT_NETWORK } from './joined.ts';
import { createNetwork, ensureDefaultNetwork } from './network-create.ts';
import { LIST_KEYS, networkFilter, PRUNE_KEYS } from './network-filters.ts';
import { findNetwork, networkNameOf, PREDEFINED } from './network-find.ts';
import { removeNetwork, sweepNetworks } from './network-remove.ts';
import { membersOf, usersOf } from './network-users.ts';
import { requireRecord } from './status.ts';
import type { NetworkDetails, NetworkJoin, NetworkSpec, NetworkSummary } from './types.ts';

function summaryOf(record: NetworkRecord): NetworkSummary {
  const { id, name, driver, createdAtMs, internal, bridge, mtu, labels, options } = record;
  const { subnet, gateway, ipRange, subnet6, gateway6 } = record;
  const six = subnet6 === undefined ? [] : [{ subnet: subnet6, gateway: gateway6 ?? '' }];
  return {
    ...{ id, name, driver, createdAtMs, internal, bridge, mtu, labels, options },
    ipv6: subnet6 !== undefined,
    subnets: [{ subnet, gateway, ...(ipRange === undefined ? {} : { ipRange }) }, ...six],
  };
}

function predefined({ name, driver, id }: (typeof PREDEFINED)[number]): NetworkSummary {
  return {
    ...{ id, name, driver, createdAtMs: 0, internal: false, ipv6: false },
    ...{ subnets: [], bridge: '', mtu: 0, labels: {}, options: {} },
  };
}

/** The networks of an engine. `ref` is a name, an id, or a unique beginning of one. */
export class Networks {
  constructor(private readonly core: Core) {}

  private tell(
    action: string,
    network: { id: string; name: string },
    more: Record<string, string> = {},
  ): void {
    const { id, name } = network;
    recordEvent(this.core.paths, {
      type: 'network',
      action,
      id,
      attributes: { ...more, name, type: 'bridge' },
    });
  }

  private isUsed(name: string): boolean {
    return usersOf(this.core, name).length > 0;
  }

  /**
   * Makes a network; its bridge and rules come with its first container. Throws BAD_INPUT, NETWORK_EXISTS,
   * SUBNET_IN_USE, NO_FREE_SUBNET; nothing is made then.
   */
  async create(spec: NetworkSpec): Promise<NetworkSummary> {
    this.core.prepare();
    if (spec.name === DEFAULT_NETWORK) {
      throw badInput(`"${spec.name}" cannot be the name of a network: it is predefined`, {
        subject: spec.name,
        remedy: 'choose another name',
      });
    }
    await sweepNetworks(this.core);
    const record = await createNetwork(this.core, spec);
    this.tell('create', record);
    return summaryOf(record);
  }

  /** All networks, by name, with `host` and `none`. Throws BAD_INPUT for a filter that is none. */
  async list(options: { filters?: readonly string[] } = {}): Promise<NetworkSummary[]> {
    const wanted = networkFilter(options.filters ?? [], LIST_KEYS);
    this.core.prepare();
    // Shown before its first container, as Docker does; without a free subnet there is none yet.
    if (readNetwork(this.core.paths, DEFAULT_NETWORK) === undefined)
      await ensureDefaultNetwork(this.core).catch(unlessFull);
    const own = listNetworks(this.core.paths).map(summaryOf);
    return [...own, ...PREDEFINED.map(predefined)]
      .filter((network) => wanted({ network, isUsed: () => this.isUsed(network.name) }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Throws NO_SUCH_NETWORK, AMBIGUOUS, BROKEN_STATE. */
  async inspect(ref: string): Promise<NetworkDetails> {
    this.core.prepare();
    if (ref === DEFAULT_NETWORK && readNetwork(this.core.paths, ref) === undefined)
      await ensureDefaultNetwork(this.core);
    const name = networkNameOf(this.core.paths, ref);
    const one = PREDEFINED.find((network) => network.name === name);
    if (one !== undefined) return { ...predefined(one), members: [] };
    const record = findNetwork(this.core.paths, name, 'inspect');
    return { ...summaryOf(record), members: membersOf(this.core, name) };
  }

  /** Removes a network that no container is in. Throws NO_SUCH_NETWORK, NETWORK_IN_USE, BAD_INPUT. */
  async remove(ref: string): Promise<{ id: string; name: string }> {
    this.core.prepare();
    await sweepNetworks(this.core);
    const gone = await removeNetwork(this.core, ref);
    this.tell('destroy', gone);
    return gone;
  }

  /**
   * Makes bridges, rules and the elements of running containers anew: what other software removed is back, what is
   * there stays.
   */
  async reload(): Promise<void> {
    this.core.prepare();
    await (await import('./reload.ts')).restoreRules(this.core, true);
  }

  private container(ref: string): ContainerRecord {
    return requireRecord(this.core.paths, findContainer(this.core.paths, ref));
  }

  private tellOf(action: string, ref: string, container: ContainerRecord): void {
    const network = readNetwork(this.core.paths, networkNameOf(this.core.paths, ref));
    if (network !== undefined) this.tell(action, network, { container: container.id });
  }

  /**
   * Plugs a container into one more network, at once if it runs. Throws NO_SUCH_NETWORK, NO_SUCH_CONTAINER, CONNECTED,
   * BAD_INPUT, ADDRESS_IN_USE, NO_FREE_ADDRESS; nothing is changed then.
   */
  async connect(ref: string, container: string, join: Omit<NetworkJoin, 'name'> = {}): Promise<void> {
    this.core.prepare();
    if (ref === DEFAULT_NETWORK && readNetwork(this.core.paths, ref) === undefined)
      await ensureDefaultNetwork(this.core);
    const record = this.container(container);
    await (await import('./connect.ts')).connect(this.core, record, { ...join, name: ref });
    this.tellOf('connect', ref, record);
  }

  /** Takes a container out of a network, at once if it runs. Throws NOT_CONNECTED unless forced. */
  async disconnect(ref: string, container: string, options: { force?: boolean } = {}): Promise<void> {
    this.core.prepare();
    const record = this.container(container);
    const { disconnect } = await import('./connect.ts');
    if (await disconnect(this.core, record, ref, options.force === true))
      this.tellOf('disconnect', ref, record);
  }

  /** Removes every network that no container is in, running or not; names of those. Throws BAD_INPUT. */
  async prune(options: { filters?: readonly string[] } = {}): Promise<string[]> {
    this.core.prepare();
    const wanted = networkFilter(options.filters ?? [], PRUNE_KEYS);
    await sweepNetworks(this.core);
    const deleted: string[] = [];
    for (const record of listNetworks(this.core.paths)) {
      const isWanted = wanted({ network: summaryOf(record), isUsed: () => this.isUsed(record.name) });
      if (record.name === DEFAULT_NETWORK || !isWanted || this.isUsed(record.name)) continue;
      const gone = await removeNetwork(this.core, record.name).catch(unlessInUse);
      if (gone === undefined) continue;
      this.tell('destroy', gone);
      deleted.push(gone.name);
    }
    return deleted;
  }
}

/** Somebody was faster, in one way or the other. */
function unlessInUse(error: unknown): undefined {
  const codes = ['NETWORK_IN_USE', 'NO_SUCH_NETWORK'];
  if (!(error instanceof MydockerError) || !codes.includes(error.code)) throw error;
}

function unlessFull(error: unknown): void {
  if (!(error instanceof MydockerError) || error.code !== 'NO_FREE_SUBNET') throw error;
}
