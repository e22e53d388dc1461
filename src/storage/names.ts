import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { MydockerError } from '../base/errors.ts';
import { claim, claimText, release, removeDeadClaim } from './claims.ts';
import { createMountPoints } from './mount-points.ts';
import { isAbandoned, stagingName } from './owner.ts';
import { containerDir, nameFile, type Paths, rootfsDir } from './paths.ts';

/** The id that holds a name; undefined when nobody does, "" when what stands there is no name of ours. */
export function idOfName(paths: Paths, name: string): string | undefined {
  return claimText(nameFile(paths, name));
}

/**
 * True while this id may hold a name: its container is there, or somebody who lives is making or removing it. Looked
 * at last once more, because a directory that is renamed while others are listed can be missed.
 */
export function mayHoldName(paths: Paths, id: string): boolean {
  const directory = containerDir(paths, id);
  const unfinished = (entry: string): boolean =>
    entry.endsWith(`-${id}`) && !isAbandonedCreation(entry) && !isAbandoned(entry);
  return (
    existsSync(directory) || readdirSync(`${paths.root}/containers`).some(unfinished) || existsSync(directory)
  );
}

/** Directory of a container being made: ".new-<pid>-<start ticks>-<id>". */
export function creationName(id: string): string {
  return `${stagingName()
    .replace(/^\.tmp-/, '.new-')
    .replace(/-[0-9a-f]+$/, '')}-${id}`;
}

/** True for a creation whose owner has ended. */
export function isAbandonedCreation(entry: string): boolean {
  const match = /^\.new-(\d+-\d+)-[0-9a-f]{64}$/.exec(entry);
  return match !== null && isAbandoned(`.tmp-${match[1]}-0`);
}

/**
 * Takes a name for an id: a symbolic link whose text is the id. symlink(2) is exclusive, and the link is there with its
 * whole content or not at all. A name whose container never came to be is taken over. Throws NAME_IN_USE.
 */
export function takeName(paths: Paths, name: string, id: string): void {
  const file = nameFile(paths, name);
  for (let tries = 0; ; tries++) {
    if (claim(file, id)) return;
    const holder = idOfName(paths, name);
    const alive = holder !== undefined && /^[0-9a-f]{64}$/.test(holder) && mayHoldName(paths, holder);
    if (alive || tries > 2) throw nameInUse(name, holder ?? '');
    freeName(paths, name, holder);
  }
}

/** Frees a name whose container is gone for good; `holder` is what it says. */
export function freeName(paths: Paths, name: string, holder: string | undefined): void {
  // What is no link is no name of ours.
  if (holder === '') rmSync(nameFile(paths, name), { force: true });
  else if (holder !== undefined) removeDeadClaim(nameFile(paths, name), holder);
}

function nameInUse(name: string, holder: string): MydockerError {
  return new MydockerError(
    'NAME_IN_USE',
    `the name "${name}" is in use by container ${holder.slice(0, 12)}`,
    {
      subject: name,
      remedy: `remove that container (mydocker rm ${name}), rename it, or choose another name`,
    },
  );
}

/** Gives a name back, if it still is this id's. Whoever calls this has the container, so that nobody else takes it over. */
export function releaseName(paths: Paths, name: string, id: string): void {
  release(nameFile(paths, name), id);
}

/** Below the root directory files of containers keep their setuid bits: nobody else may reach them (CVE-2021-41091). */
const PRIVATE = 0o700;

/** Makes the directories that every command finds, and closes those an earlier version left open. Cheap when they are there. */
export function createState(paths: Paths): void {
  for (const dir of [
    `${paths.root}/containers`,
    `${paths.root}/names`,
    `${paths.root}/layers`,
    `${paths.root}/bin`,
    rootfsDir(paths),
    paths.run,
  ]) {
    const there = statSync(dir, { throwIfNoEntry: false });
    // The root directory itself, if it was there before, may be somebody's with other things in it: its mode stays.
    if (there === undefined) mkdirSync(dir, { recursive: true, mode: PRIVATE });
    else if ((there.mode & 0o777) !== PRIVATE && dir !== rootfsDir(paths)) chmodSync(dir, PRIVATE);
  }
  createMountPoints(paths.root);
}
