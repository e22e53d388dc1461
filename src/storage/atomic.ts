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

/** JSON of a shape; undefined for anything else. */
export function jsonOf<T>(text: string | undefined, isOne: (value: unknown) => value is T): T | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isOne(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const REMEMBERED = 64;

/**
 * The text of files that are only ever replaced by rename: read anew when another file is there. In a program that starts one
 * container after the other, most are as they were.
 */
export class Remembered {
  private readonly known = new Map<string, { version: string; text: string }>();

  /** Undefined without such a file. */
  read(path: string): string | undefined {
    const version = fileVersion(path);
    const last = this.known.get(path);
    if (last?.version === version) return last.text;
    this.known.delete(path);
    const text = readIfThere(path);
    if (text === undefined) return undefined;
    if (this.known.size === REMEMBERED) this.known.clear();
    this.known.set(path, { version, text });
    return text;
  }
}
