import { type ChainId, chainIdsOf, type Digest, type ImageId, readIndex } from '../storage/index.ts';
import { blobsOf } from './garbage.ts';
import { ifReadable, isImageEntry, readImageFile, readManifest } from './manifest.ts';

/** What one image of the store consists of. */
export interface ImageNeeds {
  id: ImageId | Digest;
  blobs: Digest[];
  chainIds: ChainId[];
}

/** What each image of the store consists of; of a damaged one, what is still known. One row for each manifest. */
export function imageNeeds(root: string): ImageNeeds[] {
  const seen = new Map<Digest, ImageNeeds>();
  for (const entry of readIndex(root).manifests) {
    if (!isImageEntry(entry) || seen.has(entry.digest)) continue;
    const manifest = ifReadable(() => readManifest(root, entry.digest));
    if (manifest === undefined) {
      seen.set(entry.digest, { id: entry.digest, blobs: [entry.digest], chainIds: [] });
      continue;
    }
    const file = ifReadable(() => readImageFile(root, manifest.config.digest));
    seen.set(entry.digest, {
      id: file === undefined ? entry.digest : manifest.config.digest,
      blobs: [...new Set(blobsOf(entry.digest, manifest))],
      chainIds: file === undefined ? [] : chainIdsOf(file.rootfs.diff_ids),
    });
  }
  return [...seen.values()];
}
