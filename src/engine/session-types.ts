import type { MydockerError } from '../base/index.ts';
import type { Front } from '../shim/index.ts';
import type { Ready } from './ready.ts';

/** What `engine.run()` and `container.exec()` give. */
export interface RunResult {
  /** 0–255; 128+n when ended by signal n. */
  exitCode: number;
  stdout: Output;
  stderr: Output;
}

/** Captured output: the bytes, and their UTF-8 text. */
export interface Output {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** An open terminal or attached streams: what `run -it`, `exec -it` and `attach` drive. */
export interface Session {
  /** Bytes for the container's standard input. False: wait for onDrain. */
  write(data: Uint8Array): boolean;
  /** End of standard input. */
  end(): void;
  resize(rows: number, cols: number): void;
  signal(signal: number): void;
  onOutput(listener: (stream: 1 | 2, data: Buffer) => void): void;
  onDrain(listener: () => void): void;
  /** Leave without ending the program. */
  detach(): void;
  /** Flow control towards the container. */
  pause(): void;
  resume(): void;
  /** Exit code, or undefined after detach(). Rejects when the program could not be started. */
  readonly done: Promise<number | undefined>;
}

/**
 * How a program's streams are connected.
 * detached: to the log only. inherit: to descriptors of this process. session: framed, for terminals.
 */
export type How = 'detached' | 'inherit' | 'session';

/** Descriptors of this process that become a program's streams with `inherit`. */
export interface StreamFds {
  stdin: number | 'ignore';
  stdout: number | 'ignore';
  stderr: number | 'ignore';
  /** This process would become the front of the program: see Running.front. */
  fronted?: boolean;
  /** What was made beforehand for the next container. */
  ready?: Ready;
}

/** A program that was started. */
export interface Running {
  id: string;
  name: string;
  /** inherit and session: its exit code; rejects when it could not be started. detached: 0 at once. */
  exit: Promise<number>;
  /** Sends a signal to it; too late is no error. */
  signal(number: number): void;
  session?: Session;
  /** Where that was asked for and can be: what this process needs to become its front. */
  front?: Front;
  /** Sentences a user should read. */
  notes: string[];
}

/** What a front left, native/front.c. */
export interface EndedFront {
  what: 'run' | 'exec';
  /** Of the container. */
  id: string;
  name: string;
  /** The files. */
  report: string;
  plan: string;
}

export interface FrontOutcome {
  code: number;
  /** Why it failed, when the same command would now succeed. */
  repaired?: MydockerError;
}
