import { rmSync } from 'node:fs';
import { claim, claimText, isOwnerAlive, ownMark, removeDeadClaim, runDir } from '../storage/index.ts';
import type { Core } from './core.ts';

/**
 * Does something to a container that nobody can start meanwhile: a link of ours stands where its run directory would
 * be. False, and nothing done, when that place is taken: it runs, is being started, cleared up, or removed; or
 * somebody was killed who held it, which the next attempt finds gone.
 */
export async function withHold(core: Core, id: string, act: () => Promise<void>): Promise<boolean> {
  const place = runDir(core.paths, id);
  if (!claim(place, ownMark())) {
    breakHold(core, id);
    return false;
  }
  try {
    await act();
    return true;
  } finally {
    rmSync(place);
  }
}

/** Removes such a link of somebody who was killed. */
export function breakHold(core: Core, id: string): void {
  const place = runDir(core.paths, id);
  const owner = claimText(place);
  // "" is a directory: no hold.
  if (owner !== undefined && owner !== '' && !isOwnerAlive(owner)) removeDeadClaim(place, owner);
}
