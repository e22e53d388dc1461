import { errnoOf } from '../base/index.ts';
import { claim, containerDir, ownMark, release, removeIfDead } from '../storage/index.ts';
import type { Core } from './core.ts';
import { stateError } from './state-error.ts';
import { BUSY_MS, requireRecord, waitTurn } from './status.ts';

/*
 * containers/<id>/updating: a claim, while somebody changes the record: of several one after the other.
 */

/** Keeps others from changing the record meanwhile. Throws BUSY. */
export async function whileUpdating<T>(core: Core, id: string, act: () => Promise<T>): Promise<T> {
  const place = `${containerDir(core.paths, id)}/updating`;
  const mark = ownMark();
  for (const deadlineMs = Date.now() + BUSY_MS; ; await waitTurn(deadlineMs, id)) {
    try {
      if (claim(place, mark)) break;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') requireRecord(core.paths, id);
      throw stateError(core, error);
    }
    removeIfDead(place);
  }
  try {
    return await act();
  } finally {
    release(place, mark);
  }
}
