import { closeSync, existsSync, openSync, rmSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { encodeLaunch, type Report, startShim } from '../shim/index.ts';
import {
  claim,
  claimText,
  containerDir,
  currentBootId,
  type ExitRecord,
  isOwnerAlive,
  ownMark,
  readExit,
  readExitNote,
  readRecord,
  readState,
  release,
  removeDeadClaim,
  runDir,
  writeExit,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { recordContainerEvent } from './events-file.ts';
import { launchPlan } from './launch-plan.ts';
import { BUSY_MS, isBroken, lifeOf, lostAtRestart, waitTurn } from './status.ts';

function epitaph(core: Core, id: string): ExitRecord {
  const note = readExitNote(core.paths, id);
  if (note !== undefined) return note;
  const state = readState(core.paths, id);
  const known = state !== undefined && !isBroken(state) ? state : undefined;
  const before = readExit(core.paths, id);
  if (before !== undefined && known !== undefined && before.finishedAt >= known.startedAt) return before;
  if (known !== undefined && known.bootId !== currentBootId()) return lostAtRestart();
  return {
    exitCode: 137,
    signal: 9,
    oomKilled: false,
    finishedAt: new Date().toISOString(),
    note: 'its monitor was killed, and it with it',
  };
}

/** The undo steps of the plan that lies there; when it cannot be read (damaged, another version), of one made anew. */
async function undoPlan(core: Core, id: string, directory: string): Promise<Report | undefined> {
  const options = { root: core.root, mode: 'undo', title: id.slice(0, 12) } as const;
  if (existsSync(`${directory}/plan`)) {
    const planFd = openSync(`${directory}/plan`, 'r');
    try {
      const report = await startShim({ ...options, planFd }).done;
      if (report.failure === undefined) return report;
    } finally {
      closeSync(planFd);
    }
  }
  const record = readRecord(core.paths, id);
  if (record === undefined || isBroken(record)) return undefined;
  const plan = encodeLaunch(await launchPlan(core, record, 'undo'), { detach: false, fault: undefined });
  return startShim({ ...options, plan }).done;
}

async function finishBurial(core: Core, id: string, directory: string): Promise<string | undefined> {
  const record = readRecord(core.paths, id);
  const stays = record !== undefined && (isBroken(record) || !record.autoRemove);
  // First: the last undo step removes the run directory, and from then on anybody may start it again.
  const told = existsSync(`${directory}/state.json`) && existsSync(containerDir(core.paths, id));
  if (told && stays) writeExit(core.paths, id, epitaph(core, id));
  if (told && record !== undefined && !isBroken(record))
    recordContainerEvent(core.paths, record, 'die', { exitCode: String(epitaph(core, id).exitCode) });
  const report = await undoPlan(core, id, directory);
  if (report === undefined) rmSync(directory, { recursive: true, force: true });
  // Not empty at the very end: another took over the claim in that moment, and finishes.
  const errno = report?.undoFailure?.errno;
  return errno === 'ENOTEMPTY' ? undefined : errno;
}

/** Nobody lives behind the run directory; `force`: or nobody can tell, or the caller knows. */
function isDead(core: Core, id: string, force: boolean): boolean {
  const life = lifeOf(core.paths, id);
  return life.dead || (force && life.status !== 'running');
}

/** Waits until this process alone may undo what lies in that directory; false when it is gone, or lives after all. */
async function takeTurn(core: Core, id: string, force: boolean): Promise<boolean> {
  const turn = `${runDir(core.paths, id)}/burier`;
  const deadlineMs = Date.now() + BUSY_MS;
  for (;;) {
    if (!isDead(core, id, force)) return false;
    try {
      if (claim(turn, ownMark())) return true;
    } catch (error) {
      // Gone meanwhile, or somebody who removes the container stands there.
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
    const owner = claimText(turn);
    if (owner !== undefined && !isOwnerAlive(owner)) removeDeadClaim(turn, owner);
    else await waitTurn(deadlineMs, id);
  }
}

/**
 * Ends what a dead monitor left: writes how it ended, and carries out the undo steps of its plan (the container's
 * processes, cgroups, with --rm the container itself; last the run directory, which keeps everybody from starting it
 * until then). One of several callers does it, the others wait. Returns the errno of what could not be undone:
 * the plan stays then, and a later command tries again. `force`: although the state is broken, or the caller's own.
 */
export async function bury(core: Core, id: string, force = false): Promise<string | undefined> {
  const directory = runDir(core.paths, id);
  if (!(await takeTurn(core, id, force))) return undefined;
  try {
    // Between the look and the turn it may have been buried by another and started again: then this is a fresh one.
    if (!isDead(core, id, force)) return undefined;
    if (claimText(`${directory}/burier`) !== ownMark()) return undefined;
    return await finishBurial(core, id, directory);
  } finally {
    release(`${directory}/burier`, ownMark());
  }
}

/** The same for a command that cannot go on unless all is undone. Throws CLEANUP_FAILED. */
export async function buryWhole(core: Core, id: string, name: string, force = false): Promise<void> {
  const errno = await bury(core, id, force);
  if (errno === undefined) return;
  throw new MydockerError('CLEANUP_FAILED', `cannot clear what the last run of ${name} left: ${errno}`, {
    errno,
    subject: name,
    remedy: 'see what holds it (a mount below the root directory, a process in its cgroup?), then try again',
    exitCode: 1,
  });
}
