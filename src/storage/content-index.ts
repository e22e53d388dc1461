import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { errnoOf, MydockerError, sleep } from '../base/index.ts';
import { fileVersion } from './atomic.ts';
import { createContentStore, imagesDir } from './content.ts';
import { isDigest, type ManifestDigest } from './digest.ts';
import { isOwnerAlive, ownMark, stagingName } from './owner.ts';

/** The name of an image as users write it: "busybox", "foo:v1". image-spec annotations.md. */
export const REF_NAME = 'org.opencontainers.image.ref.name';
/** Its full name, "docker.io/library/busybox:latest": containerd and Docker read this one. */
export const FULL_NAME = 'io.containerd.image.name';

/** One entry of index.json: a manifest, under at most one name. */
export interface IndexEntry {
  mediaType: string;
  digest: ManifestDigest;
  /** Bytes of the manifest. */
  size: number;
  annotations?: Record<string, string>;
  [other: string]: unknown;
}

/** index.json, as image-spec image-index.md has it. */
export interface ContentIndex {
  schemaVersion: 2;
  mediaType: string;
  manifests: IndexEntry[];
}

const LOCK_WAIT_MS = 10_000;
const INDEX_TYPE = 'application/vnd.oci.image.index.v1+json';

function indexPath(root: string): string {
  return `${imagesDir(root)}/index.json`;
}

/** Which list of images is there now: another one after every change. */
export function indexVersion(root: string): string {
  return fileVersion(indexPath(root));
}

function corrupt(path: string, why: string, cause?: unknown): MydockerError {
  return new MydockerError('CORRUPT_STORE', `cannot read the list of images ${path}: ${why}`, {
    subject: path,
    remedy: `repair that file, or move ${path} away to start with no images`,
    cause,
  });
}

/** The list of images; empty when there is no store yet. Throws MydockerError CORRUPT_STORE. */
export function readIndex(root: string): ContentIndex {
  const path = indexPath(root);
  let index: Partial<ContentIndex>;
  try {
    index = JSON.parse(readFileSync(path, 'utf8')) as Partial<ContentIndex>;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] };
    if (!(error instanceof SyntaxError)) throw error;
    throw corrupt(path, 'it is no JSON', error);
  }
  if (!Array.isArray(index?.manifests)) throw corrupt(path, 'it has no list "manifests"');
  for (const entry of index.manifests) {
    if (!isDigest(entry?.digest)) throw corrupt(path, 'an entry has no sha256 digest');
  }
  return { ...index, schemaVersion: 2, mediaType: INDEX_TYPE, manifests: index.manifests };
}

function writeIndex(root: string, index: ContentIndex): void {
  const staging = `${imagesDir(root)}/${stagingName()}`;
  const fd = openSync(staging, 'wx', 0o644);
  try {
    writeFileSync(fd, `${JSON.stringify(index, undefined, 2)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(staging, indexPath(root));
}

/** link(2) makes the lock appear with its content: nobody ever reads an empty one. */
function tryLock(lock: string): boolean {
  const staging = `${lock}${stagingName()}`;
  writeFileSync(staging, ownMark(), { flag: 'wx' });
  try {
    linkSync(staging, lock);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(staging);
  }
}

function isStale(lock: string): boolean {
  try {
    return !isOwnerAlive(readFileSync(lock, 'latin1'));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * Removes the lock of a dead process. Two breakers at once would remove the lock a third has just taken,
 * so breaking needs a lock of its own, and under it the owner is looked at again.
 */
function breakStale(lock: string): void {
  const breaker = `${lock}.break`;
  if (!tryLock(breaker)) {
    // Its holder needs microseconds: an old one belongs to a process that was killed just then.
    const madeMs = statSync(breaker, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - madeMs > LOCK_WAIT_MS && isStale(breaker)) rmSync(breaker, { force: true });
    return;
  }
  try {
    if (isStale(lock)) rmSync(lock, { force: true });
  } finally {
    rmSync(breaker, { force: true });
  }
}

async function takeLock(lock: string): Promise<void> {
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (let waitMs = 1; !tryLock(lock); waitMs = Math.min(waitMs * 2, 50)) {
    if (isStale(lock)) breakStale(lock);
    else if (Date.now() > deadline) {
      throw new MydockerError(
        'STORE_BUSY',
        'cannot change the list of images: another command holds its lock',
        {
          subject: lock,
          remedy: 'try again when the other command has ended',
        },
      );
    } else await sleep(waitMs);
  }
}

/**
 * Changes the list of images: read, change, write, alone among all processes. `change` must not wait for
 * anything; what it returns is handed on; when it throws, nothing is written. `afterwards` runs when the new list is
 * on the disk, still alone: the place to delete what the list no longer names. It may change the list once more and
 * call `rewrite`. Atomic towards readers.
 * Throws MydockerError STORE_BUSY after 10 seconds.
 */
export async function updateIndex<T>(
  root: string,
  change: (index: ContentIndex) => T,
  afterwards?: (index: ContentIndex, rewrite: () => void) => void,
): Promise<T> {
  createContentStore(root);
  const lock = `${imagesDir(root)}/.index.lock`;
  await takeLock(lock);
  try {
    const index = readIndex(root);
    const result = change(index);
    writeIndex(root, index);
    afterwards?.(index, () => writeIndex(root, index));
    return result;
  } finally {
    rmSync(lock, { force: true });
  }
}
