import { closeSync, existsSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { sweepStore } from '../image/index.ts';
import { encodeLaunch, type Report, runActions, startShim } from '../shim/index.ts';
import {
  type ContainerRecord,
  containerDir,
  currentBootId,
  type ExitRecord,
  idOfName,
  isAbandoned,
  isAbandonedCreation,
  isOwnerAlive,
  listIds,
  nameFile,
  ownMark,
  readExit,
  readRecord,
  readState,
  releaseName,
  runDir,
  runningFile,
  stagingName,
  writeExit,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { launchPlan } from './launch-plan.ts';
import { isBroken, lifeOf, lostAtRestart } from './status.ts';

/** A run on behalf of a busy host looks at no more run directories than this; `ps` and `rm` look at all. */
const QUICK_LOOKS = 16;

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Removes trees below the root directory, never crossing a mount. */
export function removeTrees(core: Core, what: string, paths: readonly string[]): Promise<void> {
  return runActions(
    core.root,
    what,
    paths.map((path) => ({ op: 'remove-tree', path, why: 'not followed into any mount' })),
  );
}

function epitaph(core: Core, id: string, directory: string): ExitRecord {
  const state = readState(
    { ...core.paths, run: directory.slice(0, directory.lastIndexOf('/')) },
    directory.slice(directory.lastIndexOf('/') + 1),
  );
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

/**
 * Ends what a dead monitor left: carries out the undo steps of its plan (the container's processes, cgroups,
 * with --rm the container itself), and writes how it ended. Only one of several callers does it: the run
 * directory is taken by a rename first.
 */
export async function bury(core: Core, id: string): Promise<void> {
  const directory = `${core.paths.run}/.dead-${ownMark()}-${id}`;
  try {
    renameSync(runDir(core.paths, id), directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  await finishBurial(core, id, directory);
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
  const plan = encodeLaunch(launchPlan(core, record, 'detached'), { detach: false, fault: undefined });
  return startShim({ ...options, plan }).done;
}

async function finishBurial(core: Core, id: string, directory: string): Promise<void> {
  const hadState = existsSync(`${directory}/state.json`);
  const exit = epitaph(core, id, directory);
  const report = await undoPlan(core, id, directory);
  if (hadState && existsSync(containerDir(core.paths, id))) writeExit(core.paths, id, exit);
  // Something could not be undone yet: the plan stays, and a later command tries again.
  if (report?.undoFailure !== undefined) return;
  rmSync(directory, { recursive: true, force: true });
}

async function sweepRun(core: Core, quick: boolean): Promise<void> {
  const names = entries(core.paths.run);
  const ids = names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  const looked =
    quick && ids.length > QUICK_LOOKS ? ids.sort(() => Math.random() - 0.5).slice(0, QUICK_LOOKS) : ids;
  for (const id of looked) if (lifeOf(core.paths, id).dead) await bury(core, id);
  for (const name of names) {
    if (isAbandoned(name)) rmSync(`${core.paths.run}/${name}`, { recursive: true, force: true });
    const dead = /^\.dead-(\d+-\d+)-([0-9a-f]{64})$/.exec(name);
    if (dead?.[1] === undefined || dead[2] === undefined || isOwnerAlive(dead[1])) continue;
    const mine = `${core.paths.run}/.dead-${ownMark()}-${dead[2]}`;
    try {
      renameSync(`${core.paths.run}/${name}`, mine);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') continue;
      throw error;
    }
    await finishBurial(core, dead[2], mine);
  }
}

/** A `run` whose caller died between creating and starting: as if it had never been. */
function neverStarted(core: Core, id: string): ContainerRecord | undefined {
  // Most containers have one of these two, and need no look at the record.
  if (existsSync(runDir(core.paths, id)) || existsSync(`${containerDir(core.paths, id)}/exit.json`))
    return undefined;
  const record = readRecord(core.paths, id);
  if (record === undefined || isBroken(record) || record.startingOwner === undefined) return undefined;
  if (existsSync(runningFile(core.paths, id))) return undefined;
  return isOwnerAlive(record.startingOwner) ? undefined : record;
}

async function sweepContainers(core: Core, quick: boolean): Promise<void> {
  const all = entries(`${core.root}/containers`);
  const gone = all.filter((name) => isAbandonedCreation(name) || isAbandoned(name));
  if (gone.length > 0)
    await removeTrees(
      core,
      'cannot remove what an interrupted command left',
      gone.map((name) => `${core.root}/containers/${name}`),
    );
  if (quick && all.length > QUICK_LOOKS) return;
  for (const id of listIds(core.paths)) {
    const life = lifeOf(core.paths, id);
    if (life.lost && life.exit !== undefined) {
      writeExit(core.paths, id, life.exit);
      rmSync(runningFile(core.paths, id), { force: true });
    }
    const record = neverStarted(core, id);
    if (record !== undefined) await dropContainer(core, id, record.name);
  }
}

function sweepNames(core: Core): void {
  const known = new Set(listIds(core.paths));
  for (const name of entries(`${core.root}/names`)) {
    const id = idOfName(core.paths, name);
    if (id === undefined || known.has(id)) continue;
    // Looked at only now: whoever made the name made the directory first.
    const there = entries(`${core.root}/containers`).some(
      (entry) => entry === id || entry.endsWith(`-${id}`),
    );
    if (!there) rmSync(nameFile(core.paths, name), { force: true });
  }
}

/** Takes a container away: out of sight by one rename, then its name, then its files. */
export async function dropContainer(core: Core, id: string, name: string | undefined): Promise<void> {
  const doomed = `${core.root}/containers/${stagingName()}`;
  try {
    renameSync(containerDir(core.paths, id), doomed);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  if (name !== undefined) releaseName(core.paths, name, id);
  else {
    for (const other of entries(`${core.root}/names`)) releaseName(core.paths, other, id);
  }
  await removeTrees(core, `cannot remove the files of ${name ?? id.slice(0, 12)}`, [doomed]);
}

/** Clears what killed commands and dead monitors left. `quick`: on the way of another command, so at little cost. */
export async function sweep(core: Core, quick: boolean): Promise<void> {
  await sweepRun(core, quick);
  await sweepContainers(core, quick);
  if (quick) return;
  sweepNames(core);
  await sweepStore(core.root);
}
