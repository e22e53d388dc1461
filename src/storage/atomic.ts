import { readFileSync, statSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';

/** The file's text, or undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  // Mostly it is not, and an error costs more than a look.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Which of the files that were renamed to this path, one after the other, is there now. */
export function fileVersion(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return `${stat?.ino} ${stat?.mtimeMs} ${stat?.size}`;
}

const REMEMBERED = 64;

/** JSON of a shape; undefined for anything else. */
export function jsonOf<T>(text: string, isOne: (value: unknown) => value is T): T | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isOne(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * What was made of the text of files that are only ever replaced by rename: made anew when another file is there. In a
 * program that starts one container after the other, most are as they were.
 */
export class Remembered<T extends object> {
  private readonly known = new Map<string, { version: string; value: T }>();

  constructor(private readonly make: (text: string, path: string) => T | undefined) {}

  /** Frozen: many hold it. Undefined without such a file, or when nothing could be made of it. Throws as `make` does. */
  get(path: string): Readonly<T> | undefined {
    const version = fileVersion(path);
    const last = this.known.get(path);
    if (last?.version === version) return last.value;
    this.known.delete(path);
    const text = readIfThere(path);
    const value = text === undefined ? undefined : this.make(text, path);
    if (value === undefined) return undefined;
    if (this.known.size === REMEMBERED) this.known.clear();
    this.known.set(path, { version, value: Object.freeze(value) });
    return value;
  }
}
