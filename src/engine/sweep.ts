import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { sweepStore } from '../image/index.ts';
import { runActions } from '../shim/index.ts';
import {
  abandonedVolumes,
  type ContainerRecord,
  claimText,
  containerDir,
  freeName,
  idOfName,
  isAbandoned,
  isAbandonedCreation,
  isOwnerAlive,
  listIds,
  mayHoldName,
  ownMark,
  readRecord,
  readVolume,
  readWiring,
  releaseAll,
  releaseName,
  removeVolume,
  rewiringFile,
  runDir,
  runningFile,
  stagingName,
  sweepRemovalTurn,
  sweepTurn,
  wasStarted,
  writeExit,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { MOST_EVENT_BYTES, sizeOfEvents } from './events-file.ts';
import { breakHold, withHold } from './hold.ts';
import { unplug } from './joined.ts';
import { isBroken, lifeOf } from './status.ts';

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

/** Somebody else may be at it too: a monitor's remover, another sweep. What is left then is for the next one. */
function removeAbandoned(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTEMPTY') throw error;
  }
}

/** Somebody is at it: who only passes by need not wait for that. */
function isBeingBuried(core: Core, id: string): boolean {
  const owner = claimText(`${runDir(core.paths, id)}/burier`);
  return owner !== undefined && isOwnerAlive(owner);
}

async function sweepRun(core: Core, quick: boolean): Promise<void> {
  const names = entries(core.paths.run);
  const ids = names.filter((name) => /^[0-9a-f]{64}$/.test(name));
  const looked =
    quick && ids.length > QUICK_LOOKS ? ids.sort(() => Math.random() - 0.5).slice(0, QUICK_LOOKS) : ids;
  for (const id of looked) {
    const life = lifeOf(core.paths, id);
    // What cannot be undone yet stays, and a later command tries again.
    if (life.dead && !(quick && isBeingBuried(core, id))) await (await import('./bury.ts')).bury(core, id);
    else if (life.state === undefined && life.starting !== true) breakHold(core, id);
  }
  for (const name of names) {
    if (isAbandoned(name)) removeAbandoned(`${core.paths.run}/${name}`);
    sweepTurn(core.paths.run, name);
  }
}

/** A `run` whose caller died between creating and starting: as if it had never been. */
function neverStarted(core: Core, id: string): ContainerRecord | undefined {
  // Most containers have one of these two, and need no look at the record.
  if (existsSync(runDir(core.paths, id)) || wasStarted(core.paths, id)) return undefined;
  const record = readRecord(core.paths, id);
  if (record === undefined || isBroken(record) || record.startingOwner === undefined) return undefined;
  if (existsSync(runningFile(core.paths, id))) return undefined;
  return isOwnerAlive(record.startingOwner) ? undefined : record;
}

function orNothing(core: Core, volume: string): string[] {
  try {
    const directory = removeVolume(core.paths, volume);
    return directory === undefined ? [] : [directory];
  } catch (error) {
    if (error instanceof MydockerError && error.code === 'VOLUME_IN_USE') return [];
    throw error;
  }
}

/** Takes an unfinished directory over from whoever was killed; undefined when another sweep was faster. */
function takeOver(core: Core, entry: string): string | undefined {
  const mine = `${core.root}/containers/${stagingName()}`;
  try {
    renameSync(`${core.root}/containers/${entry}`, mine);
    return mine;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function sweepContainers(core: Core, quick: boolean): Promise<void> {
  const all = entries(`${core.root}/containers`);
  const gone = all
    .filter((name) => isAbandonedCreation(name) || isAbandoned(name))
    .flatMap((name) => takeOver(core, name) ?? []);
  for (const name of all.filter(isAbandonedCreation)) {
    // Its volumes without a name are nobody's: they were made for it, and it never came to be.
    const id = name.slice(-64);
    for (const volume of releaseAll(core.paths, id))
      if (readVolume(core.paths, volume)?.anonymous === true) gone.push(...orNothing(core, volume));
  }
  if (gone.length > 0) await removeTrees(core, 'cannot remove what an interrupted command left', gone);
  if (quick && all.length > QUICK_LOOKS) return;
  for (const id of listIds(core.paths)) {
    if (claimText(rewiringFile(core.paths, id)) !== undefined)
      await (await import('./change-wiring.ts')).sweepRewiring(core, id);
    if (lifeOf(core.paths, id).lost !== true && neverStarted(core, id) === undefined) continue;
    // Somebody may start it this very moment: looked at again once nobody else can.
    await withHold(core, id, async () => {
      const { lost, exit } = lifeOf(core.paths, id);
      if (lost === true && exit !== undefined) {
        writeExit(core.paths, id, exit);
        rmSync(runningFile(core.paths, id), { force: true });
      }
      const record = neverStarted(core, id);
      if (record !== undefined) await dropContainer(core, id, record.name, true);
    });
  }
}

function sweepNames(core: Core): void {
  const known = new Set(listIds(core.paths));
  for (const name of entries(`${core.root}/names`)) {
    sweepTurn(`${core.root}/names`, name);
    const id = idOfName(core.paths, name);
    if (id === undefined || known.has(id) || name.startsWith('.free-')) continue;
    // Looked at only now: whoever made the name made the directory first.
    if (id === '' || !mayHoldName(core.paths, id)) freeName(core.paths, name, id);
  }
}

/**
 * Takes a container away: out of sight by one rename, then its name, then its files. The caller holds its run
 * directory's place (see hold.ts), so that nobody starts it meanwhile.
 */
export async function dropContainer(
  core: Core,
  id: string,
  name: string | undefined,
  volumes: boolean,
): Promise<void> {
  const record = readRecord(core.paths, id);
  const wiring = readWiring(core.paths, id);
  // With the id in it: until its name is given back, nobody takes that over (mayHoldName).
  const doomed = `${core.root}/containers/.tmp-${ownMark()}-${id}`;
  try {
    renameSync(containerDir(core.paths, id), doomed);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    // A --rm container whose plan was undone by half: its name may be left, and may be taken over by now.
    if (name !== undefined && idOfName(core.paths, name) === id) freeName(core.paths, name, id);
    return;
  }
  if (name !== undefined) releaseName(core.paths, name, id);
  else {
    for (const other of entries(`${core.root}/names`)) releaseName(core.paths, other, id);
  }
  for (const endpoint of wiring?.endpoints ?? []) unplug(core, id, endpoint);
  // Somebody was killed while changing its networks: what it took is in no record.
  if (claimText(`${doomed}/rewiring`) !== undefined)
    (await import('./rewire-repair.ts')).dropStrays(core, id);
  const left = await giveBack(core, id, record, volumes);
  await removeTrees(core, `cannot remove the files of ${name ?? id.slice(0, 12)}`, [doomed, ...left]);
}

/** What it held outside its directory. Directories that are left to remove. */
async function giveBack(
  core: Core,
  id: string,
  record: ReturnType<typeof readRecord>,
  volumes: boolean,
): Promise<string[]> {
  const known = record === undefined || isBroken(record) ? undefined : record;
  const holds =
    known === undefined ||
    known.mounts.some((m) => m.type === 'volume') ||
    known.isolation?.userBlock !== undefined;
  return holds ? (await import('./claims.ts')).giveBack(core, id, known, volumes) : [];
}

/** The file of events is looked at on every command's way, and its cutting loaded when it has grown long. */
async function trim(core: Core): Promise<void> {
  if (sizeOfEvents(core.paths) > MOST_EVENT_BYTES) (await import('./events-trim.ts')).trimEvents(core.paths);
}

/** Clears what killed commands and dead monitors left. `quick`: on the way of another command, so at little cost. */
export async function sweep(core: Core, quick: boolean): Promise<void> {
  await sweepRun(core, quick);
  await sweepContainers(core, quick);
  await trim(core);
  if (quick) return;
  sweepNames(core);
  if (existsSync(`${core.root}/networks`)) await (await import('./sweep-networks.ts')).sweepNetworking(core);
  sweepRemovalTurn(core.paths);
  const volumes = abandonedVolumes(core.paths);
  if (volumes.length > 0) await removeTrees(core, 'cannot remove what an interrupted command left', volumes);
  await sweepStore(core.root);
}
