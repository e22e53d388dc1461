import { rmSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { networksDir } from '../network/index.ts';
import { type Step, steps } from '../plan/index.ts';
import { type Paths, runDir } from '../storage/index.ts';

/** Beside the links to a container's networks: none of them leads out, so no name is asked for outside either. */
export const INTERNAL_MARK = '.internal';

const markOf = (paths: Paths, id: string): string => `${networksDir(runDir(paths, id))}/${INTERNAL_MARK}`;

/**
 * The step of a launch: the resolver sends no question on while the file is there, for it asks from the host's own
 * network, and a question can carry data out as well as a packet (CVE-2024-29018).
 */
export function internalStep(paths: Paths, id: string): Step[] {
  return steps('host', {
    op: 'write',
    path: markOf(paths, id),
    data: '',
    create: 1,
    why: 'all its networks are internal: its resolver knows their names, and asks nobody outside',
  });
}

/** The same for a container that runs, when its networks have changed. */
export function markInternal(paths: Paths, id: string, isInternal: boolean): void {
  try {
    if (isInternal) writeFileSync(markOf(paths, id), '');
    else rmSync(markOf(paths, id), { force: true });
  } catch (error) {
    // It has ended meanwhile.
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}
