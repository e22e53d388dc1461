import { type LibraryRunOptions, runCaptured } from './capture.ts';
import { Containers } from './containers.ts';
import { Core, type EngineOptions } from './core.ts';
import { builtInHasCommand, findImage, imageHasCommand } from './explain.ts';
import { Images, isDefaultName } from './images.ts';
import type { Networks } from './networks.ts';
import { dropReady } from './ready.ts';
import type { DiskUsage, EngineEvent, EventOptions, RunResult } from './types.ts';
import { versionInfo } from './version.ts';
import type { Volumes } from './volumes.ts';

/**
 * A container engine: no daemon behind it, all state is in files below its root directory, so that any number of
 * engines, in any number of processes, work on the same containers.
 */
export class Engine {
  readonly containers: Containers;
  readonly images: Images;
  private readonly core: Core;

  /** Touches nothing; the root directory is made by the first call that needs it. Throws BAD_INPUT. */
  constructor(options: EngineOptions = {}) {
    this.core = new Core(options);
    this.containers = new Containers(this.core);
    this.images = new Images(this.core);
  }

  /**
   * Runs a program in a fresh container, waits for it, and removes the container.
   * The signal kills the program; the promise then rejects with the signal's reason.
   */
  run(image: string, argv: readonly string[], options: LibraryRunOptions = {}): Promise<RunResult> {
    return runCaptured(this.core, this.containers, image, argv, options);
  }

  /**
   * Ends what waits for a next run() in this process, which ends by itself when there is none for ten seconds; resolves when
   * nothing of it is left. The engine can still be used.
   */
  close(): Promise<void> {
    return dropReady(this.core);
  }

  /** True when the store has an image of this name or id. */
  hasImage(reference: string): boolean {
    return isDefaultName(reference) || findImage(this.core, reference) !== undefined;
  }

  /** True when the default image has this command. */
  defaultImageHas(word: string): boolean {
    const image = findImage(this.core, this.core.defaultImage);
    if (image !== undefined) return imageHasCommand(image, word);
    return isDefaultName(this.core.defaultImage) && builtInHasCommand(word);
  }

  /** What happened (`sinceMs`) and happens, oldest first. Throws BAD_INPUT for a filter that is none. */
  async *events(options: EventOptions = {}): AsyncIterable<EngineEvent> {
    yield* (await import('./events.ts')).readEvents(this.core, options);
  }

  /** Who takes how many bytes on the disk: `system df`. */
  async diskUsage(): Promise<DiskUsage> {
    return (await import('./usage.ts')).diskUsage(this.core);
  }

  async info(): Promise<Record<string, unknown>> {
    return (await import('./info.ts')).engineInfo(this.core);
  }

  /** The volumes; loaded when asked for. */
  async volumes(): Promise<Volumes> {
    return new (await import('./volumes.ts')).Volumes(this.core);
  }

  /** The networks; loaded when asked for. */
  async networks(): Promise<Networks> {
    return new (await import('./networks.ts')).Networks(this.core);
  }

  version(): Record<string, string> {
    return versionInfo();
  }
}

export { MydockerError } from '../base/index.ts';
export { setAssets } from '../shim/index.ts';
export type { LibraryExecOptions, LibraryRunOptions } from './capture.ts';
export { Containers } from './containers.ts';
export type { EngineOptions } from './core.ts';
export { Container } from './handle.ts';
export { Images } from './images.ts';
export type { Networks } from './networks.ts';
export type * from './types.ts';
export { versionInfo } from './version.ts';
export type { Volumes } from './volumes.ts';
