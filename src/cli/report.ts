import { EXIT, errnoOf, MydockerError } from '../base/errors.ts';
import { OUTPUT_CLOSED_EXIT, OutputClosed, warn, writeError } from './out.ts';

/** What is written for an error: what failed, why, and what to do, in one line. */
export function errorLine(error: unknown): string {
  if (error instanceof MydockerError) {
    return error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;
  }
  if (error instanceof Error && errnoOf(error) !== undefined) return error.message;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `unexpected error: ${text}; run it again with "mydocker --debug" for the place in the program`;
}

/** Writes the error on standard error and returns the exit code for it. Never throws. */
export function report(error: unknown, debug: boolean): number {
  if (error instanceof OutputClosed) return OUTPUT_CLOSED_EXIT;
  const code = error instanceof MydockerError ? error.exitCode : EXIT.engine;
  try {
    warn(errorLine(error));
    if (debug && error instanceof Error) writeError(`${stacks(error)}\n`);
  } catch (second) {
    if (!(second instanceof OutputClosed) && errnoOf(second) === undefined) throw second;
  }
  return code;
}

function stacks(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by ${stacks(error.cause)}` : own;
}
