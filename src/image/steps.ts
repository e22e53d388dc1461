import { type Action, type IgnoredErrno, type Step, StepBuffer } from '../plan/index.ts';

/** Where encoded steps go: a running shim, or a test's recorder. */
export interface StepSink {
  /** False: wait for ready() before the next write. */
  write(bytes: Buffer): boolean;
  ready(): Promise<void>;
  /** No more steps. Resolves when all are done; rejects with the step that failed. */
  close(): Promise<void>;
}

/** Starts a shim that first does these steps, then those written to it. */
export type OpenSteps = (initial: readonly Step[]) => StepSink | Promise<StepSink>;

/** Steps gathered before they are sent; more are in memory only when one entry takes more. */
const BATCH_BYTES = 256 * 1024;

/** Gathers small steps, so that a layer of thousands of files takes few writes. */
export class StepBatch {
  private readonly steps = new StepBuffer(BATCH_BYTES + 64 * 1024);

  constructor(private readonly sink: StepSink) {}

  /** Time to send what is there. */
  get isFull(): boolean {
    return this.steps.length >= BATCH_BYTES;
  }

  /** `ignore`: this errno of the step is no failure. */
  add(action: Action, ignore?: IgnoredErrno): void {
    this.steps.add(action, ignore);
  }

  /** Sends what is gathered; waits while the shim is behind. */
  async flush(): Promise<void> {
    if (this.steps.length === 0) return;
    let isReady = true;
    for (const piece of this.steps.take()) isReady = this.sink.write(piece);
    if (!isReady) await this.sink.ready();
  }
}
