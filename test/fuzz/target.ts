import { MydockerError } from '../../src/base/index.ts';

/** Something that reads what others wrote. */
export interface Target {
  name: string;
  /** Reads it, and throws for anything that must not happen; errors of the engine's own are what should happen. */
  read(input: Buffer): void;
  /** Words of the format. */
  words: readonly string[];
  /** Puts right what nearly every change breaks, so that more than the first check is reached. */
  repair?(input: Buffer): Buffer;
}

/** True when it was refused by an error of the engine's own: with a code, in one line, of a sensible length. */
export function refuses(act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    if (!(error instanceof MydockerError)) throw error;
    if (error.message.length > 800) throw new Error(`an error of ${error.message.length} characters`);
    return true;
  }
}

/** Throws unless it holds. */
export function holds(what: string, condition: boolean): void {
  if (!condition) throw new Error(`it does not hold: ${what}`);
}
