import {
  closeSync,
  fsync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { claim, claimText, release, removeDeadClaim, sweepTurn } from './claims.ts';
import { blobPath, hasBlob } from './content.ts';
import { type Digest, hexOf } from './digest.ts';
import { isOwnerAlive, ownMark } from './owner.ts';

/*
 * Blobs on their way into the store. They outlive the command that fetches them, so that the next one goes on where
 * it was cut:
 *
 *   <root>/downloads/<hex>.part    the first bytes of a blob
 *   <root>/downloads/<hex>.claim   symbolic link that says which process writes that part
 *   <root>/downloads/<hex>         whole, its digest checked; becomes a blob when its image is entered
 */

/** A download on disk. */
export interface StoredDownload {
  path: string;
  sizeBytes: number;
  /** A living process writes it. */
  isLive: boolean;
}

function directory(root: string): string {
  return `${root}/downloads`;
}

/** The first bytes of a blob. */
export function partPath(root: string, digest: Digest): string {
  return `${directory(root)}/${hexOf(digest)}.part`;
}

function wholePath(root: string, digest: Digest): string {
  return `${directory(root)}/${hexOf(digest)}`;
}

function claimPath(root: string, digest: Digest): string {
  return `${directory(root)}/${hexOf(digest)}.claim`;
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** Where a blob of this digest lies whole, in the store or beside it; undefined when it must be fetched. */
export function findWhole(root: string, digest: Digest): string | undefined {
  if (hasBlob(root, digest)) return blobPath(root, digest);
  return sizeOf(wholePath(root, digest)) === undefined ? undefined : wholePath(root, digest);
}

/** Makes this process the only one that writes a blob's part; false while another living one does. */
export function claimDownload(root: string, digest: Digest): boolean {
  mkdirSync(directory(root), { recursive: true, mode: 0o700 });
  const path = claimPath(root, digest);
  if (claim(path, ownMark())) return true;
  const owner = claimText(path);
  // Our own: two layers of one image with the same content, or a second pull in this process.
  if (owner !== undefined && !isOwnerAlive(owner)) removeDeadClaim(path, owner);
  return owner === undefined || !isOwnerAlive(owner) ? claim(path, ownMark()) : false;
}

/** Lets others write it. */
export function releaseDownload(root: string, digest: Digest): void {
  release(claimPath(root, digest), ownMark());
}

/** The part is whole and right: from now on it counts as fetched. */
export function finishDownload(root: string, digest: Digest): void {
  renameSync(partPath(root, digest), wholePath(root, digest));
}

/** Throws a part away. */
export function dropPart(root: string, digest: Digest): void {
  rmSync(partPath(root, digest), { force: true });
}

/** Waits until a fetched file's bytes are on the disk. */
export function syncFile(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fd = openSync(path, 'r');
    fsync(fd, (error) => {
      closeSync(fd);
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Fetched blobs get their names in the store; the downloads stay until dropWhole, for others may read them. */
export function adoptDownloads(root: string, digests: readonly Digest[]): void {
  for (const digest of digests) {
    try {
      linkSync(wholePath(root, digest), blobPath(root, digest));
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'EEXIST' && errno !== 'ENOENT') throw error;
    }
  }
}

/** The downloads of blobs that are in the store go, and what killed commands left of them. */
export function dropAdopted(root: string, digests: readonly Digest[]): void {
  for (const digest of digests) {
    if (!hasBlob(root, digest)) continue;
    rmSync(wholePath(root, digest), { force: true });
    const owner = claimText(claimPath(root, digest));
    if (owner !== undefined && isOwnerAlive(owner)) continue;
    // Whoever claims it now looks first whether the blob is there: see Download.
    dropPart(root, digest);
    if (owner !== undefined) removeDeadClaim(claimPath(root, digest), owner);
  }
}

/** Everything below downloads/. */
export function listDownloads(root: string): StoredDownload[] {
  let names: string[];
  try {
    names = readdirSync(directory(root));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name): StoredDownload[] => {
    const path = `${directory(root)}/${name}`;
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    const owner = claimText(`${directory(root)}/${name.slice(0, 64)}.claim`);
    return [{ path, sizeBytes: stat.size, isLive: owner !== undefined && isOwnerAlive(owner) }];
  });
}

/** Removes downloads nobody writes any more, and what dead writers left; gives the bytes that are free again. */
export function pruneDownloads(root: string): number {
  let bytes = 0;
  for (const { path, sizeBytes, isLive } of listDownloads(root)) {
    if (isLive) continue;
    rmSync(path, { force: true });
    bytes += sizeBytes;
  }
  let names: string[] = [];
  try {
    names = readdirSync(directory(root));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  for (const name of names) {
    sweepTurn(directory(root), name);
    const owner = name.endsWith('.claim') ? claimText(`${directory(root)}/${name}`) : undefined;
    if (owner !== undefined && !isOwnerAlive(owner)) removeDeadClaim(`${directory(root)}/${name}`, owner);
  }
  return bytes;
}
