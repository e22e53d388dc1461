import { EXIT, errnoOf, MydockerError } from '../base/errors.ts';
import { OUTPUT_CLOSED_EXIT, OutputClosed, warn, writeError } from './out.ts';

/** What is wrong was said already, by this or another process: the command ends with this exit code. */
export class AlreadySaid extends Error {
  constructor(readonly exitCode: number) {
    super(`exit ${exitCode}`);
  }
}

/** For system errors that no part of the engine put into words. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space, or choose another disk with --root',
  EDQUOT: 'free some space, or choose another disk with --root',
  EROFS: 'choose a writable directory with --root',
  EMFILE: 'raise the limit on open files (ulimit -n)',
};

/** What is written for an error: what failed, why, and what to do, in one line. */
export function errorLine(error: unknown): string {
  if (error instanceof MydockerError) {
    return error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;
  }
  const errno = errnoOf(error);
  if (error instanceof Error && errno !== undefined) {
    const remedy = REMEDIES[errno];
    return remedy === undefined ? error.message : `${error.message}; ${remedy}`;
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return `unexpected error: ${text}; run it again with "mydocker --debug" for the place in the program`;
}

/** Writes the error on standard error and returns the exit code for it. Never throws. */
export function report(error: unknown, debug: boolean): number {
  if (error instanceof OutputClosed) return OUTPUT_CLOSED_EXIT;
  if (error instanceof AlreadySaid) return error.exitCode;
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
