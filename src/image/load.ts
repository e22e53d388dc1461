import { createReadStream } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import {
  blobPath,
  type ChainId,
  chainIdsOf,
  type Digest,
  hasLayer,
  type ImageId,
  type ManifestDigest,
  putBlob,
  readBlob,
  updateIndex,
} from '../storage/index.ts';
import { type ArchivedImage, readArchive } from './archive.ts';
import { enterImage } from './enter.ts';
import { blobsOf, parseImageConfig } from './foreign.ts';
import { deleteUnused, type Leftovers, sweepStore, undoAndThrow, whileStoring } from './garbage.ts';
import { unpackCompressed } from './layer.ts';
import type { ImageFile } from './manifest.ts';
import type { OnProgress } from './progress.ts';
import { familiarName, parseReference, type Reference } from './reference.ts';
import type { OpenSteps } from './steps.ts';

/** What `load` takes. */
export interface LoadOptions {
  root: string;
  /** A tar, plain or compressed, as `save` of this program, Docker, podman or skopeo writes it. */
  archive: AsyncIterable<Buffer>;
  openSteps: OpenSteps;
  onProgress?: OnProgress | undefined;
}

/** One image that was loaded. */
export interface LoadedImage {
  id: ImageId;
  /** Its names as users write them; none: it is found by its id. */
  names: string[];
}

const READ_BYTES = 512 * 1024;

/**
 * Takes the images of an archive into the store. All of them, or none: after an error the store is as before.
 * Throws MydockerError: BAD_ARCHIVE, BAD_MANIFEST, BAD_DIGEST, BAD_LAYER.
 */
export async function loadImages(options: LoadOptions): Promise<LoadedImage[]> {
  const { root } = options;
  const loaded = await whileStoring(root, async () => {
    const leftovers: Leftovers = { blobs: [], chainIds: [] };
    try {
      const images = await readArchive(root, options.archive, leftovers.blobs);
      const checked = images.map((image) => ({ image, file: configOf(root, image) }));
      for (const { image, file } of checked) await unpack(options, image, file, leftovers);
      const list: LoadedImage[] = [];
      for (const { image, file } of checked) list.push(await enter(root, image, file));
      // What else was in the archive: signatures, other platforms.
      await updateIndex(
        root,
        () => undefined,
        (index) => void deleteUnused(root, index, leftovers),
      );
      return list;
    } catch (error) {
      return await undoAndThrow(root, leftovers, error);
    }
  });
  await sweepStore(root);
  return loaded;
}

function configOf(root: string, { manifest, title }: ArchivedImage): ImageFile {
  return parseImageConfig(readBlob(root, manifest.config.digest), manifest.layers.length, title);
}

async function unpack(
  { root, openSteps, onProgress }: LoadOptions,
  { manifest }: ArchivedImage,
  file: ImageFile,
  leftovers: Leftovers,
): Promise<void> {
  const chainIds = chainIdsOf(file.rootfs.diff_ids);
  for (const [i, chainId] of chainIds.entries()) {
    const [layer, diffId] = [manifest.layers[i], file.rootfs.diff_ids[i]];
    if (layer === undefined || diffId === undefined || hasLayer(root, chainId)) continue;
    const id = diffId.slice('sha256:'.length, 'sha256:'.length + 12);
    onProgress?.({ kind: 'layer', id, status: 'extracting', totalBytes: layer.size });
    leftovers.chainIds.push(chainId);
    const compressed = createReadStream(blobPath(root, layer.digest), { highWaterMark: READ_BYTES });
    await unpackCompressed({ root, compressed, diffId, chainId, lower: chainIds.slice(0, i), openSteps });
    onProgress?.({ kind: 'layer', id, status: 'done', totalBytes: layer.size });
  }
}

async function enter(root: string, image: ArchivedImage, file: ImageFile): Promise<LoadedImage> {
  const { manifest, bytes, mediaType, title } = image;
  const digest = putBlob(root, bytes, { sync: true }) as ManifestDigest;
  const references = image.names.map((name): Reference => {
    const { digest: _, ...reference } = parseReference(name);
    return reference;
  });
  const chainIds: readonly ChainId[] = chainIdsOf(file.rootfs.diff_ids);
  const blobs: Digest[] = [...blobsOf(manifest), digest];
  const entry = { mediaType, digest, size: bytes.length };
  const entered = await enterImage({ root, entry, references, needs: { blobs, chainIds } });
  if (entered === undefined) {
    throw new MydockerError(
      'STORE_BUSY',
      `cannot keep ${title}: another command removed one of its layers meanwhile`,
      {
        remedy: 'try again',
      },
    );
  }
  return { id: manifest.config.digest, names: references.map(familiarName) };
}
