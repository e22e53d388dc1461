import { mkdirSync, readdirSync } from 'node:fs';
import { MydockerError } from '../base/errors.ts';
import { claim, claimText, release, removeDeadClaim } from './claims.ts';
import { mayHoldName } from './names.ts';
import type { Paths } from './paths.ts';

/*
 * userns/<n>    a symbolic link: its text is the id of the container that has the n-th block of ids for itself
 */

export function userBlockFile(paths: Paths, block: number): string {
  return `${paths.root}/userns/${block}`;
}

/** Takes a block that no other container of this root has. `wish`: where to begin looking. Throws USERS_EXHAUSTED. */
export function claimUserBlock(paths: Paths, id: string, wish: number, count: number): number {
  mkdirSync(`${paths.root}/userns`, { recursive: true, mode: 0o700 });
  for (let tried = 0; tried < count; tried++) {
    const block = (wish + tried) % count;
    const file = userBlockFile(paths, block);
    if (claim(file, id)) return block;
    const holder = claimText(file);
    if (holder !== undefined && !mayHoldName(paths, holder)) {
      removeDeadClaim(file, holder);
      if (claim(file, id)) return block;
    }
  }
  throw new MydockerError('USERS_EXHAUSTED', `all ${count} blocks of user ids are taken by containers`, {
    remedy: 'remove containers, or give a map with --userns',
  });
}

/** Gives a container's block back. */
export function releaseUserBlock(paths: Paths, id: string, block: number): void {
  release(userBlockFile(paths, block), id);
}

/** How many blocks are taken, for tests and `info`. */
export function userBlocks(paths: Paths): string[] {
  return readdirSync(`${paths.root}/userns`).filter((name) => /^\d+$/.test(name));
}
