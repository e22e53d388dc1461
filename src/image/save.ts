import { createReadStream } from 'node:fs';
import { badInput } from '../base/index.ts';
import {
  blobPath,
  type Digest,
  FULL_NAME,
  hexOf,
  type IndexEntry,
  type ManifestDigest,
  REF_NAME,
  readBlob,
  readIndex,
} from '../storage/index.ts';
import { checkBlobSize, type Manifest, readManifest } from './manifest.ts';
import { canonicalName, familiarRepository, parseReference, tagOf } from './reference.ts';
import { findEntry, noSuchImage } from './store.ts';
import { tarEntry } from './tar-entry.ts';
import { TAR_END, tarHeader, tarPadding } from './tar-write.ts';

/*
 * An archive of images is an OCI image layout (image-spec image-layout.md) as one tar. With manifest.json beside it,
 * which says the same once more in the form of `docker save`, older programs read it too: both point to the same
 * blobs.
 */

/** docker-archive: for every program; oci-archive: the layout alone. */
export type ArchiveFormat = 'docker-archive' | 'oci-archive';

const READ_BYTES = 1024 * 1024;

interface Saved {
  entry: IndexEntry;
  manifest: Manifest;
  /** Names in the archive, "repository:tag". */
  tags: string[];
}

/** What one argument of `save` means: a name, a repository with all its tags, or an id. */
function choose(
  root: string,
  entries: readonly IndexEntry[],
  text: string,
): Array<{ entry: IndexEntry; tag?: string }> {
  const found = findEntry(root, entries, text);
  if (found !== undefined) {
    const name = found.annotations?.[FULL_NAME];
    const isByName = name !== undefined && namesIt(text, name);
    return [{ entry: found, ...(isByName ? { tag: fullTag(name) } : {}) }];
  }
  throw noSuchImage(text);
}

function namesIt(text: string, fullName: string): boolean {
  try {
    const reference = parseReference(text);
    return reference.digest === undefined && canonicalName(reference) === fullName;
  } catch {
    return false;
  }
}

/** "busybox:latest": what `docker save` writes. */
function fullTag(name: string): string {
  const reference = parseReference(name);
  return `${familiarRepository(reference)}:${tagOf(reference)}`;
}

function gather(root: string, references: readonly string[]): Saved[] {
  if (references.length === 0) throw badInput('save needs an image', { remedy: 'name one or more' });
  const { manifests } = readIndex(root);
  const images = new Map<ManifestDigest, Saved>();
  for (const text of references) {
    for (const { entry, tag } of choose(root, manifests, text)) {
      const saved = images.get(entry.digest) ?? {
        entry,
        manifest: readManifest(root, entry.digest),
        tags: [],
      };
      if (tag !== undefined && !saved.tags.includes(tag)) saved.tags.push(tag);
      images.set(entry.digest, saved);
    }
  }
  return [...images.values()];
}

/** One index entry for each name; one without a name for an image given by id. */
function layoutIndex(images: readonly Saved[]): string {
  const manifests = images.flatMap(({ entry, tags }) => {
    const { mediaType, digest, size } = entry;
    if (tags.length === 0) return [{ mediaType, digest, size }];
    return tags.map((tag) => {
      const reference = parseReference(tag);
      const annotations = {
        [FULL_NAME]: canonicalName(reference),
        // The whole name here too: podman takes a short one for its own.
        [REF_NAME]: canonicalName(reference),
      };
      return { mediaType, digest, size, annotations };
    });
  });
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests,
  });
}

function dockerManifest(images: readonly Saved[]): string {
  const path = (digest: Digest): string => `blobs/sha256/${hexOf(digest)}`;
  return JSON.stringify(
    images.map(({ manifest, tags }) => ({
      Config: path(manifest.config.digest),
      RepoTags: tags.length === 0 ? null : tags,
      Layers: manifest.layers.map(({ digest }) => path(digest)),
    })),
  );
}

function* textFile(name: string, text: string): Generator<Buffer> {
  const bytes = Buffer.from(text);
  yield tarHeader(tarEntry(name, 'file', 0o644, { size: bytes.length }));
  yield bytes;
  yield tarPadding(bytes.length);
}

/**
 * The archive of some images, by name or id; shared layers once. The same images give the same bytes. Throws
 * NO_SUCH_IMAGE, MISSING_BLOB, CORRUPT_IMAGE before the first byte.
 */
export async function* saveImages(
  root: string,
  references: readonly string[],
  format: ArchiveFormat,
): AsyncGenerator<Buffer> {
  const images = gather(root, references);
  const small = new Map<Digest, Buffer>();
  const layers = new Map<Digest, number>();
  for (const { entry, manifest } of images) {
    small.set(entry.digest, readBlob(root, entry.digest));
    small.set(manifest.config.digest, readBlob(root, manifest.config.digest));
    for (const layer of manifest.layers) {
      checkBlobSize(root, layer);
      layers.set(layer.digest, layer.size);
    }
  }
  yield tarHeader(tarEntry('blobs/', 'directory', 0o755));
  yield tarHeader(tarEntry('blobs/sha256/', 'directory', 0o755));
  for (const digest of [...small.keys(), ...layers.keys()].sort()) {
    const bytes = small.get(digest);
    const size = bytes?.length ?? layers.get(digest) ?? 0;
    yield tarHeader(tarEntry(`blobs/sha256/${hexOf(digest)}`, 'file', 0o644, { size }));
    if (bytes !== undefined) yield bytes;
    else
      yield* createReadStream(blobPath(root, digest), { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>;
    yield tarPadding(size);
  }
  yield* textFile('index.json', layoutIndex(images));
  if (format === 'docker-archive') yield* textFile('manifest.json', dockerManifest(images));
  yield* textFile('oci-layout', '{"imageLayoutVersion":"1.0.0"}');
  yield TAR_END;
}
