import { rmSync, writeFileSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import {
  type ChainId,
  type ContentIndex,
  chainIdsOf,
  createContentStore,
  type Digest,
  dropStaged,
  imagesDir,
  listBlobs,
  listLayers,
  removeBlob,
  removeLayer,
  stagingName,
  stagings,
  updateIndex,
} from '../storage/index.ts';
import { ifReadable, isImageEntry } from './manifest.ts';
import { loadEntry } from './store.ts';

/** What may be deleted, if no image uses it. */
export interface Leftovers {
  blobs: Digest[];
  chainIds: ChainId[];
}

/**
 * Deletes those of the leftovers that no image of the list uses. Must run under the list's lock, for a new image
 * is entered under it too. Deletes nothing when an image of the list is unreadable: better to keep too much.
 */
export function deleteUnused(root: string, index: ContentIndex, leftovers: Leftovers): Digest[] {
  const usedBlobs = new Set<Digest>();
  const usedLayers = new Set<ChainId>();
  for (const entry of index.manifests) {
    usedBlobs.add(entry.digest);
    if (!isImageEntry(entry)) continue;
    const stored = ifReadable(() => loadEntry(root, entry));
    if (stored === undefined) return [];
    const { manifest, image } = stored;
    for (const { digest } of [manifest.config, ...manifest.layers]) usedBlobs.add(digest);
    for (const chainId of chainIdsOf(image.rootfs.diff_ids)) usedLayers.add(chainId);
  }
  const deleted: Digest[] = [];
  for (const digest of leftovers.blobs) {
    if (usedBlobs.has(digest)) continue;
    removeBlob(root, digest);
    deleted.push(digest);
  }
  for (const chainId of leftovers.chainIds) if (!usedLayers.has(chainId)) removeLayer(root, chainId);
  return deleted;
}

/** Says, as long as `act` lasts, that blobs and layers may be in the store which no image names yet. */
export async function whileStoring<T>(root: string, act: () => Promise<T>): Promise<T> {
  createContentStore(root);
  const mark = `${imagesDir(root)}/${stagingName()}`;
  writeFileSync(mark, '');
  try {
    return await act();
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
      const all = { blobs: listBlobs(root), chainIds: listLayers(root) };
      const { abandoned, anyLive } = stagings(root);
      if (anyLive) return;
      deleteUnused(root, index, all);
      for (const path of abandoned) dropStaged(path);
    },
  );
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
