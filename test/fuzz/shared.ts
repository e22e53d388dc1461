import { MAX_INPUT_BYTES } from './mutate.ts';

/** What main.ts sees of a worker: numbers, then the input that is being read. */
export const SHARED = {
  runs: 0,
  length: 1,
  reached: 2,
  corpus: 3,
  inputAt: 64,
  bytes: 64 + 2 * MAX_INPUT_BYTES,
};

/** What a worker is given. */
export interface Work {
  target: string;
  seconds: number;
  seed: number;
  /** Directory of the target's corpus. */
  corpus: string;
  /** New inputs that reach new code are written there. */
  keep: boolean;
  shared: SharedArrayBuffer;
}
