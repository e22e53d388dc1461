import { MydockerError } from '../base/index.ts';
import type { AttachClient, AttachEnd, Failure } from '../shim/index.ts';
import type { Session } from './types.ts';

/** A client of a monitor, as the CLI and library drive it. */
export class AttachedSession implements Session {
  readonly done: Promise<number | undefined>;
  private left = false;

  constructor(
    private readonly client: AttachClient,
    toError: (failure: Failure) => MydockerError,
  ) {
    this.done = client.end.then((end: AttachEnd) => {
      if ('ending' in end) return end.ending.code;
      if ('failure' in end) throw toError(end.failure);
      if (this.left) return undefined;
      throw new MydockerError('MONITOR_LOST', 'the connection to the container’s monitor broke', {
        exitCode: 137,
      });
    });
  }

  write(data: Uint8Array): boolean {
    return this.client.write(data);
  }
  end(): void {
    this.client.endInput();
  }
  resize(rows: number, cols: number): void {
    // Too late is no error: the program may have ended meanwhile.
    this.client.resize(rows, cols).catch((error: unknown) => this.ignoreGone(error));
  }
  signal(signal: number): void {
    this.client.signal(signal).catch((error: unknown) => this.ignoreGone(error));
  }
  private ignoreGone(error: unknown): void {
    if (!(error instanceof MydockerError)) throw error;
  }
  onOutput(listener: (stream: 1 | 2, data: Buffer) => void): void {
    this.client.onOutput(listener);
  }
  onDrain(listener: () => void): void {
    this.client.onDrain(listener);
  }
  detach(): void {
    this.left = true;
    this.client.close();
  }
  pause(): void {
    this.client.pause();
  }
  resume(): void {
    this.client.resume();
  }
}
