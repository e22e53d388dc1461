import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { errnoOf, MydockerError, writeAtomic } from '../base/index.ts';
import { readIfThere } from './atomic.ts';
import { claim, inTurn, removeIfDead, sweepTurns } from './claims.ts';
import { mayHoldName } from './names.ts';
import { isAbandoned, stagingName } from './owner.ts';
import type { Paths } from './paths.ts';
import { flag, has, isObject, number, optional, text } from './record-parts.ts';

/*
 * volumes/<name>/          appears whole, by rename
 *   volume.json            when it was made, its labels
 *   _data/                 what is mounted
 *   users/<container id>   a symbolic link for each container that has it. rmdir(2) of `users` is how a volume is
 *                          taken away: it fails while somebody uses it, and afterwards nobody can begin to
 *   copying                the image's content is being copied into it
 *   links/                 while that goes on: files that have several names
 * volumes/.tmp-<owner>-…/  being made, or being removed
 * volumes/.removing        the turn of whoever moves one out of sight: a path says not which of two volumes of one name
 *                          lies there, the one that lost its `users` or the one that was made in its place
 */

/** volume.json */
export interface VolumeRecord {
  version: 1;
  name: string;
  createdAtMs: number;
  labels: Record<string, string>;
  /** Made for a container, without a name of the user's. */
  anonymous?: boolean;
}

export function volumeDir(paths: Paths, name: string): string {
  return `${paths.root}/volumes/${name}`;
}

/** Where its files are. */
export function dataDir(paths: Paths, name: string): string {
  return `${volumeDir(paths, name)}/_data`;
}

export function isVolumeName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name) && name.length <= 255;
}

function isVolume(value: unknown): value is VolumeRecord {
  return has(value, {
    version: (version) => version === 1,
    name: text,
    createdAtMs: number,
    labels: (labels) => isObject(labels) && Object.values(labels).every(text),
    anonymous: optional(flag),
  });
}

/** Undefined when there is none, or it is going away. A damaged record counts as one without labels. */
export function readVolume(paths: Paths, name: string): VolumeRecord | undefined {
  const json = readIfThere(`${volumeDir(paths, name)}/volume.json`);
  if (json === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    if (isVolume(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { version: 1, name, createdAtMs: 0, labels: {} };
}

/** Names, in alphabetical order. */
export function listVolumes(paths: Paths): string[] {
  try {
    return readdirSync(`${paths.root}/volumes`).filter(isVolumeName).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Makes a volume; false when there is one of that name. */
export function createVolume(paths: Paths, record: Omit<VolumeRecord, 'version' | 'createdAtMs'>): boolean {
  const target = volumeDir(paths, record.name);
  mkdirSync(`${paths.root}/volumes`, { recursive: true, mode: 0o700 });
  if (existsSync(`${target}/users`)) return false;
  finishRemoval(paths, record.name);
  const staging = `${paths.root}/volumes/${stagingName()}`;
  mkdirSync(staging, { mode: 0o700 });
  try {
    mkdirSync(`${staging}/_data`, { mode: 0o755 });
    mkdirSync(`${staging}/users`, { mode: 0o700 });
    const whole: VolumeRecord = { version: 1, createdAtMs: Date.now(), ...record };
    writeAtomic(`${staging}/volume.json`, `${JSON.stringify(whole)}\n`, { sync: record.anonymous !== true });
    renameSync(staging, target);
    return true;
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    const errno = errnoOf(error);
    if (errno === 'ENOTEMPTY' || errno === 'EEXIST') return false;
    throw error;
  }
}

function removalTurn(paths: Paths): string {
  return `${paths.root}/volumes/.removing`;
}

/** Moves one that nobody uses, nor can any more, out of sight; where it is then. Undefined when there is none such. In turn only. */
function moveAside(paths: Paths, name: string): string | undefined {
  const directory = volumeDir(paths, name);
  if (!existsSync(directory) || existsSync(`${directory}/users`)) return undefined;
  const doomed = `${paths.root}/volumes/${stagingName()}`;
  renameSync(directory, doomed);
  return doomed;
}

/** What somebody who was killed had begun to take away is moved out of sight. */
function finishRemoval(paths: Paths, name: string): void {
  if (!existsSync(volumeDir(paths, name)) || existsSync(`${volumeDir(paths, name)}/users`)) return;
  inTurn(removalTurn(paths), () => moveAside(paths, name));
}

/** Enters a container as a user; makes the volume if there is none. True when it was made. */
export function claimVolume(
  paths: Paths,
  id: string,
  volume: Omit<VolumeRecord, 'version' | 'createdAtMs'>,
): boolean {
  for (;;) {
    const made = createVolume(paths, volume);
    try {
      claim(`${volumeDir(paths, volume.name)}/users/${id}`, id);
      return made;
    } catch (error) {
      // It was taken away this very moment: made anew.
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
}

/** Ids of the containers that have it. Those that are no more are struck out. */
export function volumeUsers(paths: Paths, name: string): string[] {
  const directory = `${volumeDir(paths, name)}/users`;
  let entries: string[];
  try {
    entries = readdirSync(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  return entries.filter((id) => {
    if (mayHoldName(paths, id)) return true;
    rmSync(`${directory}/${id}`, { force: true });
    return false;
  });
}

function inUse(name: string, users: readonly string[]): MydockerError {
  const some = users.slice(0, 3).map((id) => id.slice(0, 12));
  return new MydockerError(
    'VOLUME_IN_USE',
    `cannot remove the volume ${name}: it is in use by ${some.join(', ')}${users.length > 3 ? ' …' : ''}`,
    { subject: name, remedy: 'remove these containers first (mydocker rm)', exitCode: 1 },
  );
}

/**
 * Takes a volume away: out of sight at once. The directory that is left to remove; undefined when there is none of that
 * name. Throws VOLUME_IN_USE.
 */
export function removeVolume(paths: Paths, name: string): string | undefined {
  const directory = volumeDir(paths, name);
  if (!existsSync(directory)) return undefined;
  for (;;) {
    const users = volumeUsers(paths, name);
    if (users.length > 0) throw inUse(name, users);
    try {
      return inTurn(removalTurn(paths), () => {
        if (existsSync(`${directory}/users`)) rmdirSync(`${directory}/users`);
        return moveAside(paths, name);
      });
    } catch (error) {
      // Somebody has just begun to use it.
      if (errnoOf(error) !== 'ENOTEMPTY') throw error;
    }
  }
}

/** Strikes a container out as a user. */
export function releaseVolume(paths: Paths, name: string, id: string): void {
  try {
    unlinkSync(`${volumeDir(paths, name)}/users/${id}`);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw error;
  }
}

/** The same in every volume; the names of those it was in. */
export function releaseAll(paths: Paths, id: string): string[] {
  const used = listVolumes(paths).filter((name) => {
    try {
      return readdirSync(`${volumeDir(paths, name)}/users`).includes(id);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false;
      throw error;
    }
  });
  for (const name of used) releaseVolume(paths, name, id);
  return used;
}

/** Takes a turn back that somebody left who was killed in it. */
export function sweepRemovalTurn(paths: Paths): void {
  removeIfDead(removalTurn(paths));
  sweepTurns(`${paths.root}/volumes`);
}

/** Directories below volumes/ that nobody will finish. */
export function abandonedVolumes(paths: Paths): string[] {
  try {
    return readdirSync(`${paths.root}/volumes`)
      .filter(isAbandoned)
      .map((name) => `${paths.root}/volumes/${name}`);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
