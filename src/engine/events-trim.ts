import { renameSync } from 'node:fs';
import {
  claim,
  claimText,
  isOwnerAlive,
  ownMark,
  type Paths,
  release,
  removeDeadClaim,
} from '../storage/index.ts';
import { eventsFile, MOST_EVENT_BYTES, sizeOfEvents } from './events-file.ts';

/** Puts the file of events aside when it has grown long. Of several who find it so, one does it. */
export function trimEvents(paths: Paths, mostBytes = MOST_EVENT_BYTES): void {
  const path = eventsFile(paths);
  if (sizeOfEvents(paths) < mostBytes) return;
  const turn = `${path}.turn`;
  if (!claim(turn, ownMark())) {
    const owner = claimText(turn);
    if (owner !== undefined && !isOwnerAlive(owner)) removeDeadClaim(turn, owner);
    return;
  }
  try {
    if (sizeOfEvents(paths) >= mostBytes) renameSync(path, `${path}.1`);
  } finally {
    release(turn, ownMark());
  }
}
