import { capture, type LibraryExecOptions } from './capture.ts';
import type { Containers } from './containers.ts';
import type { Core } from './core.ts';
import type { FileChange } from './file-types.ts';
import type { ContainerDetails, LogEntry, LogOptions, RunResult, StopResult } from './types.ts';

/**
 * One container, as library users hold it. `await using` removes it, running or not, when the scope ends:
 *
 *     await using bird = await engine.containers.create({ image: 'busybox', command: ['top'] });
 */
export class Container implements AsyncDisposable {
  constructor(
    private readonly core: Core,
    private readonly containers: Containers,
    /** 64 hex digits. */
    readonly id: string,
    readonly name: string,
  ) {}

  /** Starts it in the background; its output goes to its log. Running already: does nothing. */
  async start(): Promise<void> {
    await this.containers.start(this.id, 'detached');
  }

  /** Runs a program in it and waits. Throws NOT_RUNNING. */
  exec(argv: readonly string[], options: LibraryExecOptions = {}): Promise<RunResult> {
    const { input, signal, ...rest } = options;
    const spec = { ...rest, command: argv, stdin: input !== undefined };
    return capture(this.core, { input, signal }, (fds) =>
      this.containers.exec(this.id, spec, 'inherit', fds),
    );
  }

  /** Returns when its process is really gone. */
  stop(options: { timeoutS?: number; signal?: string } = {}): Promise<StopResult> {
    return this.containers.stop(this.id, options);
  }

  /** Its exit code, once it has ended. */
  wait(): Promise<number> {
    return this.containers.wait(this.id);
  }

  logs(options: LogOptions = {}): AsyncIterable<LogEntry> {
    return this.containers.logs(this.id, options);
  }

  /** What its files differ in from its image: see Containers.diff. */
  diff(): Promise<FileChange[]> {
    return this.containers.diff(this.id);
  }

  inspect(): Promise<ContainerDetails> {
    return this.containers.inspect(this.id);
  }

  /** Removes it; a second time, or when it is gone already, does nothing. Throws RUNNING unless forced. */
  async remove(options: { force?: boolean } = {}): Promise<void> {
    await this.containers.removeById(this.id, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remove({ force: true });
  }
}
