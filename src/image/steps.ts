import { type Action, encodeStreamStep, type Step } from '../plan/index.ts';

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

/**
 * Encodes an action whose strings hold one byte in each character (latin1), as file names do here: a name in a
 * tar is bytes, and not always UTF-8. The encoder writes UTF-8, so it is given ASCII of the same length, and
 * the bytes are put in their place afterwards.
 */
export function encodeRawStep(action: Action): Buffer {
  const raw: string[] = [];
  const ascii = Object.fromEntries(
    Object.entries(action).map(([key, value]) => {
      if (typeof value !== 'string' || key === 'op' || !/[\x80-\xff]/.test(value)) return [key, value];
      raw.push(value);
      return [key, value.replace(/[\x80-\xff]/g, '?')];
    }),
  ) as unknown as Action;
  const bytes = encodeStreamStep(ascii);
  for (const value of raw) patch(bytes, value);
  return bytes;
}

function patch(bytes: Buffer, value: string): void {
  const placeholder = Buffer.alloc(value.length + 5);
  placeholder.writeUInt32LE(value.length);
  placeholder.write(value.replace(/[\x80-\xff]/g, '?'), 4, 'latin1');
  const at = bytes.indexOf(placeholder);
  if (at < 0) throw new Error(`no place for ${JSON.stringify(value)} in its encoded step`);
  bytes.write(value, at + 4, 'latin1');
}

const BATCH_BYTES = 64 * 1024;

/** Gathers small steps, so that a layer of thousands of files takes few writes. */
export class StepBatch {
  private buffer = Buffer.allocUnsafe(BATCH_BYTES);
  private length = 0;

  constructor(private readonly sink: StepSink) {}

  /** Adds one action; waits while the shim is behind. */
  async add(action: Action): Promise<void> {
    const bytes = encodeRawStep(action);
    if (this.length + bytes.length > BATCH_BYTES) await this.flush();
    if (bytes.length > BATCH_BYTES) throw new Error(`a step of ${bytes.length} bytes does not fit a batch`);
    this.length += bytes.copy(this.buffer, this.length);
  }

  /** Sends what is gathered. */
  async flush(): Promise<void> {
    if (this.length === 0) return;
    const full = this.buffer.subarray(0, this.length);
    this.buffer = Buffer.allocUnsafe(BATCH_BYTES);
    this.length = 0;
    if (!this.sink.write(full)) await this.sink.ready();
  }
}
