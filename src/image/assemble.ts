import { badInput } from '../base/index.ts';
import {
  chainIdsOf,
  FULL_NAME,
  hasBlob,
  hasLayer,
  type ImageId,
  type IndexEntry,
  type ManifestDigest,
  putBlob,
  REF_NAME,
  updateIndex,
} from '../storage/index.ts';
import { type Leftovers, undoAndThrow } from './garbage.ts';
import { corruptImage, type Descriptor, type ImageFile, type Manifest, MEDIA } from './manifest.ts';
import { canonicalName, familiarName, parseReference, type Reference } from './reference.ts';
import { type ResolvedImage, resolveEntry } from './store.ts';

/** Parses the name an image shall get: a tag, never a digest. Throws BAD_INPUT. */
export function parseNewName(text: string | undefined): Reference | undefined {
  if (text === undefined || text === '') return undefined;
  const { digest, ...reference } = parseReference(text);
  if (digest === undefined) return reference;
  throw badInput(`a new image cannot be named by digest: "${text}"`, {
    subject: text,
    remedy: 'give name[:tag]',
  });
}

/** Puts the name on an entry, taking it from the image that had it before, which stays without one. */
function enter(entries: IndexEntry[], entry: IndexEntry, reference: Reference | undefined): void {
  if (reference !== undefined) {
    const full = canonicalName(reference);
    for (const old of entries) {
      if (old.annotations?.[FULL_NAME] !== full) continue;
      const { [FULL_NAME]: _full, [REF_NAME]: _name, ...others } = old.annotations;
      old.annotations = others;
    }
    entry.annotations = { [REF_NAME]: familiarName(reference), [FULL_NAME]: full };
  }
  const isNameless = (e: IndexEntry) => e.annotations?.[FULL_NAME] === undefined;
  // A manifest needs no nameless entry beside a named one.
  const others = entries.filter((e) => e.digest !== entry.digest || !isNameless(e));
  const isThere = reference === undefined && others.some((e) => e.digest === entry.digest);
  entries.splice(0, entries.length, ...others, ...(isThere ? [] : [entry]));
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
    return await updateIndex(root, (index) => {
      // Under the lock: a removal that ended just now may have taken a layer this image shares.
      const missing = leftovers.blobs.find((blob) => !hasBlob(root, blob));
      if (missing !== undefined || !chainIds.every((chainId) => hasLayer(root, chainId))) {
        throw corruptImage(missing ?? id, 'another command removed one of its layers meanwhile');
      }
      const entry: IndexEntry = { mediaType: MEDIA.manifest, digest, size: Buffer.byteLength(text) };
      enter(index.manifests, entry, reference);
      const stored = index.manifests.find((e) => e.digest === digest) ?? entry;
      return resolveEntry(root, reference === undefined ? stored : entry);
    });
  } catch (error) {
    return await undoAndThrow(root, leftovers, error);
  }
}
