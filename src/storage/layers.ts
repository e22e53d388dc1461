import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { imagesDir } from './content.ts';
import { type ChainId, type DiffId, hexOf } from './digest.ts';
import { namesIn } from './disk-usage.ts';
import { isAbandoned, stagingName } from './owner.ts';

/*
 *   <root>/layers/<chain id hex>/          one unpacked layer, shared by all images that have it; never changed
 *   <root>/layers/<chain id hex>.json      {"diffId","sizeBytes","opaque"}
 *   <root>/layers/.tmp-<owner>-<random>/   being unpacked, or being deleted
 */

/** What is known about an unpacked layer. */
export interface LayerFacts {
  diffId: DiffId;
  /** Sum of the sizes of its regular files. */
  sizeBytes: number;
  /**
   * Its opaque directories, "/usr/lib", "" for the root; one byte in each character. Node reads no extended
   * attributes, and a layer above must know what shows through.
   */
  opaque?: string[];
}

/** The directory of an unpacked layer. */
export function layerDir(root: string, chainId: ChainId): string {
  return `${root}/layers/${hexOf(chainId)}`;
}

/** True when that layer is unpacked. */
export function hasLayer(root: string, chainId: ChainId): boolean {
  return existsSync(layerDir(root, chainId));
}

/** A new empty directory to unpack into; on the same file system as the layers, so that a rename ends it. */
export function stageLayer(root: string): string {
  const staging = `${root}/layers/${stagingName()}`;
  mkdirSync(`${root}/layers`, { recursive: true, mode: 0o700 });
  mkdirSync(staging, { mode: 0o755 });
  return staging;
}

/** Gives an unpacked layer its name. The same layer unpacked by somebody else meanwhile wins; this one is dropped. */
export function commitLayer(root: string, staging: string, chainId: ChainId, facts: LayerFacts): void {
  const target = layerDir(root, chainId);
  const note = `${root}/layers/${stagingName()}`;
  writeFileSync(note, JSON.stringify(facts));
  renameSync(note, `${target}.json`);
  try {
    // rename(2) replaces an empty directory: a layer without any file is replaced by its equal.
    renameSync(staging, target);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'ENOTEMPTY' && errno !== 'EEXIST') throw error;
    dropStaged(staging);
  }
}

/** Deletes a staging directory. Nothing is ever mounted below it on the host. */
export function dropStaged(staging: string): void {
  rmSync(staging, { recursive: true, force: true });
}

/** The recorded facts of a layer; undefined when it was never unpacked here. */
export function layerFacts(root: string, chainId: ChainId): LayerFacts | undefined {
  try {
    return JSON.parse(readFileSync(`${layerDir(root, chainId)}.json`, 'utf8')) as LayerFacts;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Deletes a layer: first its name, at once, then what was below it. Idempotent. */
export function removeLayer(root: string, chainId: ChainId): void {
  rmSync(`${layerDir(root, chainId)}.json`, { force: true });
  const grave = `${root}/layers/${stagingName()}`;
  try {
    renameSync(layerDir(root, chainId), grave);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  dropStaged(grave);
}

/**
 * Unfinished things in the image store: those whose owner has died, and whether anybody who lives has one beside
 * the caller's own, `mine`.
 */
export function stagings(root: string, mine?: string): { abandoned: string[]; anyLive: boolean } {
  const abandoned: string[] = [];
  let anyLive = false;
  for (const dir of [`${root}/layers`, imagesDir(root)]) {
    let names: string[];
    try {
      names = readdirSync(dir);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') continue;
      throw error;
    }
    for (const name of names) {
      if (isAbandoned(name.replace(/^\.index\.lock(\.break)?/, ''))) abandoned.push(`${dir}/${name}`);
      else anyLive ||= name.startsWith('.tmp-') && `${dir}/${name}` !== mine;
    }
  }
  return { abandoned, anyLive };
}

/** Chain ids of all unpacked layers; also of one of which only the note is left. */
export function listLayers(root: string): ChainId[] {
  const names = namesIn(`${root}/layers`).flatMap(
    (name) => /^([0-9a-f]{64})(?:\.json)?$/.exec(name)?.[1] ?? [],
  );
  return [...new Set(names)].map((hex): ChainId => `sha256:${hex}` as ChainId);
}
