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
