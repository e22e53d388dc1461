/** Exit codes of the program, as Docker has them. */
export const EXIT = {
  usage: 125,
  engine: 125,
  notExecutable: 126,
  notFound: 127,
  notFoundObject: 1,
} as const;

/** What an error says beyond its sentence. */
export interface ErrorFacts {
  /** The step of the launch plan that failed: "mount overlay on /". */
  step?: string | undefined;
  /** Index of that step in the plan, from 0; `explain` and messages count from 1. */
  stepIndex?: number | undefined;
  /** Symbolic errno ("ENOSPC"), where the kernel gave one. */
  errno?: string | undefined;
  /** The thing concerned: a path, a name, a flag. */
  subject?: string | undefined;
  /** What the reader can do now; one sentence, no full stop needed. */
  remedy?: string | undefined;
  /** Process exit code when this ends a command. */
  exitCode?: number | undefined;
  cause?: unknown;
}

/**
 * The one error class callers see. Match on `code`, never on the text:
 * codes are stable, sentences are not.
 */
export class MydockerError extends Error {
  readonly code: string;
  readonly step: string | undefined;
  readonly stepIndex: number | undefined;
  readonly errno: string | undefined;
  readonly subject: string | undefined;
  readonly remedy: string | undefined;
  readonly exitCode: number;

  constructor(code: string, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'MydockerError';
    this.code = code;
    this.step = facts.step;
    this.stepIndex = facts.stepIndex;
    this.errno = facts.errno;
    this.subject = facts.subject;
    this.remedy = facts.remedy;
    this.exitCode = facts.exitCode ?? EXIT.engine;
  }
}

/** True for an error after which the program did run: what it wrote stays, and its container too. */
export function programRan(error: unknown): boolean {
  return error instanceof MydockerError && ['MONITOR_LOST', 'OUTPUT_LOST'].includes(error.code);
}

/** A value given by the caller is wrong: a flag, a reference, an option of the library. */
export function badInput(message: string, facts: ErrorFacts = {}): MydockerError {
  return new MydockerError('BAD_INPUT', message, { exitCode: EXIT.usage, ...facts });
}

/** Most characters of what others wrote that an error quotes: a whole manifest in one line helps nobody. */
const EXCERPT_LENGTH = 200;

/** Somebody else's text as an error quotes it: its beginning, when it is long. */
export function excerpt(text: string): string {
  return text.length <= EXCERPT_LENGTH ? text : `${text.slice(0, EXCERPT_LENGTH)}…`;
}

/** The errno name of a Node system error ("ENOENT"), or undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^E[A-Z0-9]+$/.test(error.code)
  ) {
    return error.code;
  }
  return undefined;
}
