import { readFileSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import { digestOf } from '../storage/index.ts';
import { assembleImage } from './assemble.ts';
import { sweepStore, whileStoring } from './garbage.ts';
import { addLayer, ensureLayers } from './layer.ts';
import type { ImageFile } from './manifest.ts';
import { parseReference } from './reference.ts';
import type { OpenSteps } from './steps.ts';
import { DEFAULT_IMAGE, type ResolvedImage, resolveImage } from './store.ts';

/** Where the built assets lie: tools/busybox-image.ts makes them. */
export interface DefaultImageAsset {
  /** The layer, an uncompressed tar: dist/assets/busybox.tar. */
  tarPath: string;
  /** { config, diffId, version }: dist/assets/busybox.json. */
  jsonPath: string;
}

/** Content of dist/assets/busybox.json. */
export interface DefaultImageFacts {
  /** The image's whole config blob. */
  config: ImageFile;
  /** Digest of the tar. */
  diffId: string;
  /** Paths of its commands: "/bin/ls". */
  applets: string[];
  /** First line of "busybox --help". */
  version: string;
}

/**
 * The default image, created from the program's own asset when the store has none of that name yet.
 * Concurrent first runs make the same image. Throws MydockerError MISSING_ASSET, BAD_DIGEST.
 */
export async function ensureDefaultImage(
  root: string,
  asset: DefaultImageAsset,
  openSteps: OpenSteps,
): Promise<ResolvedImage> {
  const there = resolveImage(root, DEFAULT_IMAGE);
  if (there !== undefined) {
    await ensureLayers(root, there, openSteps);
    return there;
  }
  await sweepStore(root);
  const { facts, tar } = readAsset(asset);
  return whileStoring(root, async () => {
    const layer = await addLayer({ root, tar: chunks(tar), openSteps });
    return assembleImage({
      root,
      image: facts.config,
      layers: [layer.descriptor],
      reference: parseReference(DEFAULT_IMAGE),
    });
  });
}

function readAsset(asset: DefaultImageAsset): { facts: DefaultImageFacts; tar: Buffer } {
  let facts: DefaultImageFacts;
  let tar: Buffer;
  try {
    facts = JSON.parse(readFileSync(asset.jsonPath, 'utf8')) as DefaultImageFacts;
    tar = readFileSync(asset.tarPath);
  } catch (error) {
    throw new MydockerError('MISSING_ASSET', 'cannot read the default image that comes with the program', {
      subject: asset.tarPath,
      remedy: 'build the program again, or name another image',
      cause: error,
    });
  }
  if (digestOf(tar) === facts.diffId) return { facts, tar };
  throw new MydockerError('BAD_DIGEST', 'the default image that comes with the program is damaged', {
    subject: asset.tarPath,
    remedy: 'build the program again',
  });
}

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  const CHUNK_BYTES = 256 * 1024;
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
