import { badInput } from '../base/index.ts';
import { chainIdsOf, type ImageId, type ManifestDigest, putBlob } from '../storage/index.ts';
import { enterImage } from './enter.ts';
import { type Leftovers, undoAndThrow } from './garbage.ts';
import { corruptImage, type Descriptor, type ImageFile, type Manifest, MEDIA } from './manifest.ts';
import { parseReference, type Reference } from './reference.ts';
import { type ResolvedImage, resolveEntry } from './store.ts';

/** Parses the name an image shall get: a tag, never a digest. Throws BAD_INPUT. */
export function parseNewName(text: string | undefined): Reference | undefined {
  if (text === undefined) return undefined;
  // As of a variable that was not set: an image without a name is asked for by leaving it out.
  if (text === '')
    throw badInput('the name of the new image is empty', { remedy: 'give one, or leave it out' });
  const { digest, ...reference } = parseReference(text);
  if (digest === undefined) return reference;
  throw badInput(`a new image cannot be named by digest: "${text}"`, {
    subject: text,
    remedy: 'give name[:tag]',
  });
}

/**
 * Writes config and manifest of an image whose layers are in the store, and enters it in the list of images
 * under its name, if it has one. Readers see it whole or not at all. After an error what was new is gone again.
 */
export async function assembleImage(options: {
  root: string;
  image: ImageFile;
  layers: Descriptor[];
  reference: Reference | undefined;
}): Promise<ResolvedImage> {
  const { root, image, layers, reference } = options;
  const chainIds = chainIdsOf(image.rootfs.diff_ids);
  const leftovers: Leftovers = { blobs: layers.map((layer) => layer.digest), chainIds };
  try {
    const configText = JSON.stringify(image);
    const id = putBlob(root, configText, { sync: true }) as ImageId;
    leftovers.blobs.push(id);
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, digest: id, size: Buffer.byteLength(configText) },
      layers,
    };
    const text = JSON.stringify(manifest);
    const digest = putBlob(root, text, { sync: true }) as ManifestDigest;
    leftovers.blobs.push(digest);
    const entry = { mediaType: MEDIA.manifest, digest, size: Buffer.byteLength(text) };
    const references = reference === undefined ? [] : [reference];
    const stored = await enterImage({ root, entry, references, needs: leftovers });
    if (stored === undefined) throw corruptImage(id, 'another command removed one of its layers meanwhile');
    return resolveEntry(root, stored);
  } catch (error) {
    return await undoAndThrow(root, leftovers, error);
  }
}
