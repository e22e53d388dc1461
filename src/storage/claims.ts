import { readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/errors.ts';
import { isOwnerAlive, ownMark } from './owner.ts';

/*
 * A claim is a symbolic link whose text says whose it is: symlink(2) is exclusive, the link is there with its whole
 * text or not at all, and it takes no block on a full disk.
 */

/** Makes a claim; false when the path is taken. Throws ENOENT when its directory is gone. */
export function claim(path: string, text: string): boolean {
  try {
    symlinkSync(text, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** The text of a claim; undefined when there is none, "" when what stands there is something else. */
export function claimText(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT') return undefined;
    if (errno === 'EINVAL') return '';
    throw error;
  }
}

/** Gives a claim back, if it still is this one. Only its living owner may call this. */
export function release(path: string, text: string): void {
  if (claimText(path) === text) rmSync(path, { force: true });
}

/** A longer name is no name to a file system (NAME_MAX, limits.h). */
const NAME_BYTES = 255;

/**
 * Removes a claim whose owner has ended for good. Of several who try, one does it, and it looks again: a claim that
 * somebody made at the same path meanwhile is never removed. Whoever was killed in the middle of this left its turn,
 * which is a dead claim as well and goes the same way.
 */
export function removeDeadClaim(path: string, text: string): void {
  const slash = path.lastIndexOf('/');
  const name = `.free-${path.slice(slash + 1)}-${text.replace(/\W/g, '-').slice(0, 64)}`;
  // So many killed at one place: the next sweep clears it.
  if (name.length > NAME_BYTES) return;
  const turn = `${path.slice(0, slash)}/${name}`;
  if (!claim(turn, ownMark())) {
    const holder = claimText(turn);
    if (holder === undefined || isOwnerAlive(holder)) return;
    removeDeadClaim(turn, holder);
    if (!claim(turn, ownMark())) return;
  }
  try {
    if (claimText(path) === text) rmSync(path, { force: true });
  } finally {
    rmSync(turn, { force: true });
  }
}

/** Removes a claim whose text is the mark of an owner who has ended; false when there is none such. */
export function removeIfDead(path: string): boolean {
  const owner = claimText(path);
  if (owner === undefined || isOwnerAlive(owner)) return false;
  removeDeadClaim(path, owner);
  return true;
}

const WAIT_MS = 1;
/** Who holds a turn for so long has been stopped. */
const MOST_MS = 10_000;

/**
 * What only one process may do at a time, and is done in no time: the others wait. The claim of a dead one is taken over.
 * Throws BUSY.
 */
export function inTurn<T>(path: string, work: () => T, mostMs = MOST_MS): T {
  const deadlineMs = Date.now() + mostMs;
  while (!claim(path, ownMark())) {
    if (Date.now() > deadlineMs)
      throw new MydockerError(
        'BUSY',
        `another command holds ${path}, and does not go on: process ${claimText(path)?.split('-')[0]}`,
        {
          subject: path,
          remedy: 'let it go on or end it, and try again',
        },
      );
    if (!removeIfDead(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_MS);
  }
  try {
    return work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Removes a turn at removeDeadClaim() that somebody left who was killed in it. `entry` is a name in `directory`. */
export function sweepTurn(directory: string, entry: string): void {
  if (!entry.startsWith('.free-')) return;
  removeIfDead(`${directory}/${entry}`);
}

/** The same for all that lies in a directory; without it there is nothing. */
export function sweepTurns(directory: string): void {
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) sweepTurn(directory, entry);
}
