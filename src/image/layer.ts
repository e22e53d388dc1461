import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import {
  BlobWriter,
  blobPath,
  type ChainId,
  chainIdOf,
  chainIdsOf,
  commitLayer,
  type DiffId,
  dropStaged,
  hasLayer,
  layerDir,
  stageLayer,
} from '../storage/index.ts';
import { type Leftovers, undoAndThrow } from './garbage.ts';
import { type LayerLimits, layerLimits } from './limits.ts';
import { type Descriptor, MEDIA, readManifest } from './manifest.ts';
import { metered, unpackedBytes } from './meter.ts';
import type { OpenSteps } from './steps.ts';
import type { ResolvedImage } from './store.ts';
import { unpackLayer } from './unpack.ts';

/** A layer that is now in the store: its blob, and its directory. */
export interface StoredLayer {
  diffId: DiffId;
  chainId: ChainId;
  descriptor: Descriptor;
  /** Sum of its files' sizes. */
  sizeBytes: number;
}

/** Bytes read of a blob at a time. */
const READ_BYTES = 256 * 1024;

/**
 * Stores an uncompressed tar as a layer above `lower` (oldest first; none: the lowest): one pass writes the blob, digests it
 * and unpacks it. Both appear whole or not at all; after an error neither is there.
 */
export async function addLayer(options: {
  root: string;
  tar: AsyncIterable<Buffer>;
  lower?: readonly ChainId[] | undefined;
  openSteps: OpenSteps;
}): Promise<StoredLayer> {
  const { root, tar, lower = [], openSteps } = options;
  const blob = new BlobWriter(root, { sync: true });
  let staging: string | undefined;
  const written: Leftovers = { blobs: [], chainIds: [] };
  try {
    staging = stageLayer(root);
    const limits = layerLimits();
    const watched = metered(tar, limits, (chunk) => blob.write(chunk));
    const unpacked = await unpackLayer({ root, tar: watched, dir: staging, lower, openSteps, limits });
    const diffId = blob.finish() as DiffId;
    written.blobs.push(diffId);
    const chainId = chainIdOf(lower.at(-1), diffId);
    commitLayer(root, staging, chainId, { diffId, ...unpacked });
    const descriptor = { mediaType: MEDIA.layer, digest: diffId, size: blob.sizeBytes };
    return { diffId, chainId, descriptor, sizeBytes: unpacked.sizeBytes };
  } catch (error) {
    blob.abort();
    if (staging !== undefined) dropStaged(staging);
    if (written.blobs.length === 0) throw error;
    return await undoAndThrow(root, written, error);
  }
}

/**
 * Unpacks those layers of an image whose directories are missing, from their blobs, checking each diff id.
 * Looks at one directory a layer when all are there. A layer appears by rename, or not at all.
 */
export async function ensureLayers(root: string, image: ResolvedImage, openSteps: OpenSteps): Promise<void> {
  const chainIds = chainIdsOf(image.diffIds);
  if (chainIds.every((chainId) => hasLayer(root, chainId))) return;
  const { layers } = readManifest(root, image.manifestDigest);
  for (const [i, chainId] of chainIds.entries()) {
    const [descriptor, diffId] = [layers[i], image.diffIds[i]];
    if (hasLayer(root, chainId) || descriptor === undefined || diffId === undefined) continue;
    await unpackBlob(root, descriptor, diffId, chainIds.slice(0, i + 1), openSteps);
  }
}

async function unpackBlob(
  root: string,
  descriptor: Descriptor,
  diffId: DiffId,
  chainIds: readonly ChainId[],
  openSteps: OpenSteps,
): Promise<void> {
  const chainId = chainIds.at(-1);
  if (chainId === undefined) return;
  await unpackCompressed({
    root,
    compressed: createReadStream(blobPath(root, descriptor.digest), { highWaterMark: READ_BYTES }),
    diffId,
    chainId,
    lower: chainIds.slice(0, -1),
    openSteps,
  });
}

/** What unpackCompressed takes. */
export interface UnpackOptions {
  root: string;
  /** The layer's blob: a tar, plain or compressed with gzip or zstd. It may still be arriving. */
  compressed: AsyncIterable<Buffer>;
  /** What its uncompressed tar must digest to. */
  diffId: DiffId;
  /** The name it gets. */
  chainId: ChainId;
  /** The layers it lies on, oldest first; all must be unpacked. */
  lower: readonly ChainId[];
  openSteps: OpenSteps;
  /** Default: those of the environment. */
  limits?: LayerLimits | undefined;
}

/**
 * Unpacks a layer blob. It appears whole, by rename, or not at all; when the same layer was unpacked by somebody
 * else meanwhile, theirs stays. Throws MydockerError: BAD_LAYER for what is no layer, LAYER_LIMIT, BAD_DIGEST when the tar is
 * not that of the diff id; errors of the source come through as they are.
 */
export async function unpackCompressed(options: UnpackOptions): Promise<void> {
  const { root, diffId, chainId, lower, openSteps, limits = layerLimits() } = options;
  const staging = stageLayer(root);
  try {
    const hash = createHash('sha256');
    const tar = unpackedBytes(options.compressed, limits, (chunk) => hash.update(chunk));
    const unpacked = await unpackLayer({ root, tar, dir: staging, lower, openSteps, limits });
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== diffId) {
      throw new MydockerError('BAD_DIGEST', `a layer is not what its image says: ${diffId} holds ${found}`, {
        subject: layerDir(root, chainId),
        remedy: 'remove the image with "mydocker rmi -f" and get it again',
      });
    }
    commitLayer(root, staging, chainId, { diffId, ...unpacked });
  } catch (error) {
    dropStaged(staging);
    throw error;
  }
}
