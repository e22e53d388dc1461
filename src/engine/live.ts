import { type ContainerRecord, findContainer } from '../storage/index.ts';
import type { Core } from './core.ts';
import type { DeniedAccess, EgressChange } from './egress-types.ts';
import type { PortChanges } from './network-types.ts';
import type { ResourceChanges } from './resource-types.ts';
import type { ContainerStats, StatsOptions, Top } from './stats-types.ts';
import { requireRecord } from './status.ts';

/** What is done with containers while they run: the part of `Containers` that a plain `run` never needs. */
export class LiveContainers {
  constructor(protected readonly core: Core) {}

  protected record(ref: string): ContainerRecord {
    return requireRecord(this.core.paths, findContainer(this.core.paths, ref));
  }

  /** Stops every process of it where it stands, until unpause(). Throws NOT_RUNNING, PAUSED. */
  async pause(ref: string): Promise<void> {
    this.core.prepare();
    await (await import('./pause.ts')).pauseContainer(this.core, this.record(ref));
  }

  /** Lets a paused one go on. Throws NOT_RUNNING, NOT_PAUSED. */
  async unpause(ref: string): Promise<void> {
    this.core.prepare();
    await (await import('./pause.ts')).unpauseContainer(this.core, this.record(ref));
  }

  /**
   * Changes what it may reach, at once where it runs, and for its next start. Connections that the new list does not allow
   * are cut off. Throws BAD_INPUT; one that was started without a list must be stopped first.
   */
  async updateEgress(ref: string, change: EgressChange): Promise<void> {
    this.core.prepare();
    await (await import('./egress-update.ts')).changeEgress(this.core, this.record(ref).id, change);
  }

  /** What it asked for and did not get since its last start, the latest first. Throws NO_EGRESS_LIST. */
  async denied(ref: string): Promise<DeniedAccess[]> {
    this.core.prepare();
    return (await import('./denied.ts')).deniedTo(this.core, this.record(ref));
  }

  /**
   * Other limits for a container, running or not, now and for later starts; null takes one away. All of them come to
   * hold, or none. Throws BAD_INPUT, NO_DEVICE, NO_CONTROLLER, LIMIT_TOO_SMALL, LIMIT_REFUSED.
   */
  async update(ref: string, changes: ResourceChanges): Promise<void> {
    this.core.prepare();
    const record = this.record(ref);
    await (await import('./update.ts')).updateContainer(this.core, record.id, changes);
    const { recordContainerEvent } = await import('./events-file.ts');
    recordContainerEvent(this.core.paths, this.record(record.id), 'update');
  }

  /**
   * Other published ports, at once if it runs and for later starts: all of the changes, or none. Throws BAD_INPUT,
   * PORT_IN_USE, NO_SUCH_ADDRESS, NOT_PUBLISHED.
   */
  async updatePorts(ref: string, changes: PortChanges): Promise<void> {
    this.core.prepare();
    const record = this.record(ref);
    await (await import('./publish-live.ts')).changePorts(this.core, record, changes);
    (await import('./events-file.ts')).recordContainerEvent(this.core.paths, record, 'update');
  }

  /** Its processes, with their numbers on the host: columns as ps(1) names them. Throws NOT_RUNNING, PS_FAILED. */
  async top(ref: string, psArguments: readonly string[] = []): Promise<Top> {
    return (await import('./top.ts')).topOf(this.core, this.record(ref), psArguments);
  }

  /**
   * What containers use, round by round: one entry for each, in the order given; all running ones without `refs`.
   * Ends when the signal aborts, or after one round with `once`. Throws NO_SUCH_CONTAINER.
   */
  async *stats(
    refs: string | readonly string[] = [],
    options: StatsOptions = {},
  ): AsyncIterable<ContainerStats[]> {
    const list = typeof refs === 'string' ? [refs] : refs;
    yield* (await import('./stats.ts')).watchStats(this.core, list, options);
  }
}
