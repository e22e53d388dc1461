import { chainIdsOf, FULL_NAME, type IndexEntry, layerFacts, readIndex } from '../storage/index.ts';
import { createdMsOf, type ImageFile, ifReadable, isImageEntry } from './manifest.ts';
import { familiarRepository, parseReference, tagOf } from './reference.ts';
import { findEntry, loadEntry, nameOf, noSuchImage, REGISTRY_DIGEST } from './store.ts';

/** One row of `images`: an image under one of its names. */
export interface ImageRow {
  /** "sha256:…", digest of the config; of the manifest when that is damaged. */
  id: string;
  /** "busybox", or "<none>". */
  repository: string;
  /** "latest", or "<none>". */
  tag: string;
  createdAtMs: number;
  /** Sum of the unpacked sizes of its layers. */
  sizeBytes: number;
  /** "sha256:…": what its registry calls it, else the digest of its manifest. */
  digest: string;
  labels: Readonly<Record<string, string>>;
  /** Why it cannot be used, when its blobs are missing or make no sense. */
  broken?: string;
}

const NONE = '<none>';

/** Sum of the unpacked sizes of an image's layers, in bytes; a layer not unpacked here counts nothing. */
export function imageSize(root: string, image: ImageFile): number {
  return chainIdsOf(image.rootfs.diff_ids).reduce(
    (sum, id) => sum + (layerFacts(root, id)?.sizeBytes ?? 0),
    0,
  );
}

/** Repository and tag of an entry, "<none>" where it has none. */
export function namesOf(entry: IndexEntry): { repository: string; tag: string } {
  const name = entry.annotations?.[FULL_NAME] ?? nameOf(entry);
  if (name !== '') {
    const reference = parseReference(name);
    return { repository: familiarRepository(reference), tag: tagOf(reference) };
  }
  const digest = entry.annotations?.[REGISTRY_DIGEST];
  return {
    repository: digest === undefined ? NONE : familiarRepository(parseReference(digest)),
    tag: NONE,
  };
}

/** All images, newest first, one row for each name. */
export function listImages(root: string): ImageRow[] {
  const rows = readIndex(root)
    .manifests.filter(isImageEntry)
    .map((entry): ImageRow => {
      const digest = entry.annotations?.[REGISTRY_DIGEST]?.split('@')[1] ?? entry.digest;
      const names = namesOf(entry);
      const stored = ifReadable(() => loadEntry(root, entry));
      // A damaged image is shown, so that it can be seen and removed.
      if (stored === undefined) {
        const broken = 'its blobs are missing or damaged';
        return { id: entry.digest, ...names, createdAtMs: 0, sizeBytes: 0, digest, labels: {}, broken };
      }
      const { manifest, image } = stored;
      return {
        id: manifest.config.digest,
        ...names,
        createdAtMs: createdMsOf(image),
        sizeBytes: imageSize(root, image),
        digest,
        labels: image.config?.Labels ?? {},
      };
    });
  const key = (row: ImageRow): string => `${row.repository}:${row.tag}`;
  return rows.sort((a, b) => b.createdAtMs - a.createdAtMs || (key(a) < key(b) ? -1 : 1));
}

/** The index entry a user means. Throws MydockerError NO_SUCH_IMAGE, AMBIGUOUS. */
export function requireEntry(root: string, text: string): IndexEntry {
  const entry = findEntry(root, readIndex(root).manifests, text);
  if (entry === undefined) throw noSuchImage(text);
  return entry;
}
