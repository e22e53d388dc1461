import { rmSync, writeFileSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import {
  blobPath,
  type ChainId,
  type ContentIndex,
  chainIdsOf,
  createContentStore,
  type Digest,
  dropStaged,
  hasBlob,
  imagesDir,
  isDigest,
  layerDir,
  listBlobs,
  listIds,
  listLayers,
  pathsOf,
  readRecord,
  removeBlob,
  removeLayer,
  stagingName,
  stagings,
  updateIndex,
} from '../storage/index.ts';
import {
  ifReadable,
  isImageEntry,
  type Manifest,
  readImageFile,
  readJson,
  readManifest,
} from './manifest.ts';

/** What may be deleted, if no image uses it. */
export interface Leftovers {
  blobs: Digest[];
  chainIds: ChainId[];
}

/** What the images of a list need. */
interface Needed {
  blobs: Set<Digest>;
  /** undefined: the config of an image is unreadable, so that its layers are not known. */
  layers: Set<ChainId> | undefined;
}

/** Blobs a foreign entry leads to: an index of many platforms, an attestation. image-spec descriptor.md. */
function addForeign(root: string, digest: Digest, blobs: Set<Digest>): void {
  if (blobs.has(digest)) return;
  blobs.add(digest);
  if (!hasBlob(root, digest)) return;
  const value = ifReadable(() => readJson(root, digest, 'index'));
  const children = [value?.manifests, value?.config, value?.layers].flat();
  for (const child of children) {
    const { digest: next, mediaType } = (child ?? {}) as { digest?: unknown; mediaType?: unknown };
    if (!isDigest(next)) continue;
    // Only these are JSON that leads on; a layer may be many gigabytes.
    if (/\b(?:manifest|index)\b/.test(String(mediaType))) addForeign(root, next, blobs);
    else blobs.add(next);
  }
}

/** undefined when an image's manifest is unreadable: nobody knows what it needs. */
function neededBy(root: string, index: ContentIndex): Needed | undefined {
  const needed: Needed = { blobs: new Set(), layers: new Set() };
  for (const entry of index.manifests) {
    if (!isImageEntry(entry)) {
      addForeign(root, entry.digest, needed.blobs);
      continue;
    }
    const manifest = ifReadable(() => readManifest(root, entry.digest));
    if (manifest === undefined) return undefined;
    for (const digest of blobsOf(entry.digest, manifest)) needed.blobs.add(digest);
    const file = ifReadable(() => readImageFile(root, manifest.config.digest));
    if (file === undefined) needed.layers = undefined;
    else for (const chainId of chainIdsOf(file.rootfs.diff_ids)) needed.layers?.add(chainId);
  }
  return needed;
}

/** The config, the manifest and the layers of an image; the config first, for its digest is the image's id. */
export function blobsOf(digest: Digest, manifest: Manifest): Digest[] {
  return [manifest.config.digest, digest, ...manifest.layers.map((layer) => layer.digest)];
}

/** Directories of layers on which containers stand; undefined when a damaged record hides some. */
function layersOfContainers(root: string): Set<string> | undefined {
  const layers = new Set<string>();
  const paths = pathsOf(root);
  for (const id of listIds(paths)) {
    const record = readRecord(paths, id);
    if (record === undefined) continue;
    if ('broken' in record) return undefined;
    const mounted = record.mounts.flatMap((m) => (m.type === 'image' ? m.layers : []));
    for (const layer of [...record.layers, ...mounted]) layers.add(layer);
  }
  return layers;
}

/**
 * Deletes those of the leftovers that no image of the list uses, and no container. Must run under the list's lock,
 * for a new image is entered under it too. Deletes nothing when it cannot be known what an image of the list needs:
 * better to keep too much. `onDelete` hears of each path just before it goes.
 */
export function deleteUnused(
  root: string,
  index: ContentIndex,
  leftovers: Leftovers,
  onDelete?: (path: string) => void,
): Digest[] {
  const needed = neededBy(root, index);
  if (needed === undefined) return [];
  const deleted: Digest[] = [];
  for (const digest of new Set(leftovers.blobs)) {
    if (needed.blobs.has(digest) || !hasBlob(root, digest)) continue;
    onDelete?.(blobPath(root, digest));
    removeBlob(root, digest);
    deleted.push(digest);
  }
  const unused = leftovers.chainIds.filter((chainId) => needed.layers?.has(chainId) === false);
  const inUse = unused.length === 0 ? undefined : layersOfContainers(root);
  for (const chainId of unused) {
    const directory = layerDir(root, chainId);
    if (inUse?.has(directory) !== false) continue;
    onDelete?.(directory);
    onDelete?.(`${directory}.json`);
    removeLayer(root, chainId);
  }
  return deleted;
}

/** Says, as long as `act` lasts, that blobs and layers may be in the store which no image names (yet, or any more). */
export async function whileStoring<T>(root: string, act: (mark: string) => Promise<T>): Promise<T> {
  createContentStore(root);
  const mark = `${imagesDir(root)}/${stagingName()}`;
  writeFileSync(mark, '');
  try {
    return await act(mark);
  } finally {
    rmSync(mark, { force: true });
  }
}

/**
 * Deletes what killed commands left: unfinished files and, since such a command may have been about to enter its
 * image, every blob and layer that no image names. Waits for a later command while anybody is storing.
 */
export async function sweepStore(root: string): Promise<void> {
  if (stagings(root).abandoned.length === 0) return;
  await updateIndex(
    root,
    () => undefined,
    (index) => {
      collect(root, index);
    },
  );
}

/**
 * Deletes everything in the store that nobody needs; nothing while anybody else is storing. Under the list's lock.
 * `mine`: the caller's own mark.
 */
export function collect(
  root: string,
  index: ContentIndex,
  options: { mine?: string; onDelete?: (path: string) => void } = {},
): { deleted: Digest[]; isBusy: boolean } {
  const all = { blobs: listBlobs(root), chainIds: listLayers(root) };
  const { abandoned, anyLive } = stagings(root, options.mine);
  if (anyLive) return { deleted: [], isBusy: true };
  const deleted = deleteUnused(root, index, all, options.onDelete);
  for (const path of abandoned) {
    options.onDelete?.(path);
    dropStaged(path);
  }
  return { deleted, isBusy: false };
}

/**
 * The clean-up after an import or commit that failed with `error`: deletes what it left, then throws that error.
 * When the clean-up fails as well, the error says both, the first one leading.
 */
export async function undoAndThrow(root: string, leftovers: Leftovers, error: unknown): Promise<never> {
  try {
    await updateIndex(root, (index) => deleteUnused(root, index, leftovers));
  } catch (second) {
    const [first, then] = [error, second].map((e) => (e instanceof Error ? e.message : String(e)));
    throw new MydockerError(
      error instanceof MydockerError ? error.code : 'INTERNAL',
      `${first}; and cleaning up after it failed: ${then}`,
      { cause: error },
    );
  }
  throw error;
}
