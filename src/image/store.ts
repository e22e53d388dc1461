import { excerpt, MydockerError } from '../base/index.ts';
import {
  blobPath,
  chainIdsOf,
  type DiffId,
  type Digest,
  FULL_NAME,
  fileVersion,
  type ImageId,
  type IndexEntry,
  indexVersion,
  layerDir,
  type ManifestDigest,
  REF_NAME,
  readIndex,
} from '../storage/index.ts';
import {
  createdMsOf,
  type ImageConfig,
  type ImageFile,
  ifReadable,
  isImageEntry,
  type Manifest,
  readImageFile,
  readManifest,
} from './manifest.ts';
import { canonicalName, parseReference, type Reference } from './reference.ts';

/** Name of the image that comes with the program. */
export const DEFAULT_IMAGE = 'busybox';

/** An image as a container's start needs it. */
export interface ResolvedImage {
  /** Digest of the config. */
  id: ImageId;
  /** Its name as users write it ("busybox", "foo:v1"); "" for an image without a name. */
  reference: string;
  config: ImageConfig;
  /** Absolute directories of its unpacked layers, newest first: overlayfs's lowerdir order. */
  layers: string[];
  /** Oldest first, as the config has them. */
  diffIds: DiffId[];
  manifestDigest: ManifestDigest;
  createdMs: number;
}

/**
 * Annotation of an image that came from a registry or went to one: name and digest it has there,
 * "docker.io/library/busybox@sha256:…"; the digest is that of an index, or of the manifest.
 */
export const REGISTRY_DIGEST = 'mydocker.registry.digest';

/** The value of that annotation. */
export function digestReference(reference: Reference, digest: Digest): string {
  return `${reference.domain}/${reference.path}@${digest}`;
}

/** Fewer digits would take too many commands for ids: "dd", "ed". */
const MIN_PREFIX_LENGTH = 4;
const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{1,64})$/;

/** An index entry with what it points to. */
export interface StoredImage {
  entry: IndexEntry;
  manifest: Manifest;
  image: ImageFile;
}

/** Reads what an index entry points to. Throws MydockerError CORRUPT_IMAGE or MISSING_BLOB. */
export function loadEntry(root: string, entry: IndexEntry): StoredImage {
  const manifest = readManifest(root, entry.digest);
  return { entry, manifest, image: readImageFile(root, manifest.config.digest) };
}

/** The name of an index entry as users write it; "" when it has none. */
export function nameOf(entry: IndexEntry): string {
  return entry.annotations?.[REF_NAME] ?? '';
}

function byName(entries: readonly IndexEntry[], text: string): IndexEntry | undefined {
  const exact = entries.find((entry) => nameOf(entry) === text);
  if (exact !== undefined) return exact;
  let reference: Reference;
  try {
    reference = parseReference(text);
  } catch (error) {
    if (error instanceof MydockerError && error.code === 'BAD_INPUT') return undefined;
    throw error;
  }
  const { digest } = reference;
  const full = canonicalName(reference);
  if (digest === undefined) return entries.find((entry) => entry.annotations?.[FULL_NAME] === full);
  return entries.find((entry) => isOfDigest(entry, reference, digest));
}

/** True if "name@digest" means this entry: that digest, under whichever tag of the name it stands, or none. */
export function isOfDigest(entry: IndexEntry, reference: Reference, digest: Digest): boolean {
  if (entry.annotations?.[REGISTRY_DIGEST] === digestReference(reference, digest)) return true;
  const name = entry.annotations?.[FULL_NAME] ?? '';
  return entry.digest === digest && name.startsWith(`${reference.domain}/${reference.path}:`);
}

function byId(root: string, entries: readonly IndexEntry[], text: string): IndexEntry | undefined {
  const prefix = ID_PREFIX.exec(text)?.[1];
  if (prefix === undefined || prefix.length < MIN_PREFIX_LENGTH) return undefined;
  const found = new Map<ImageId, IndexEntry>();
  for (const entry of entries) {
    const id = ifReadable(() => readManifest(root, entry.digest))?.config.digest;
    if (id?.startsWith(`sha256:${prefix}`) && !found.has(id)) found.set(id, entry);
  }
  if (found.size > 1) {
    throw new MydockerError('AMBIGUOUS', `more than one image id begins with "${text}"`, {
      subject: text,
      remedy: 'give more digits, or the name of the image',
      exitCode: 1,
    });
  }
  return found.values().next().value;
}

/** The index entry a user means: by name first, then by id or unique id prefix (4 digits or more). */
export function findEntry(
  root: string,
  entries: readonly IndexEntry[],
  text: string,
): IndexEntry | undefined {
  // It is no name of those that have none.
  if (text === '') return undefined;
  const images = entries.filter(isImageEntry);
  return byName(images, text) ?? byId(root, images, text);
}

/** Turns an index entry into what a start needs. */
export function resolveEntry(root: string, entry: IndexEntry): ResolvedImage {
  const { manifest, image } = loadEntry(root, entry);
  const diffIds = image.rootfs.diff_ids;
  return {
    id: manifest.config.digest,
    reference: nameOf(entry),
    config: image.config ?? {},
    layers: chainIdsOf(diffIds)
      .map((chainId) => layerDir(root, chainId))
      .reverse(),
    diffIds,
    manifestDigest: entry.digest,
    createdMs: createdMsOf(image),
  };
}

/**
 * Finds an image by name ("busybox", "foo:v1", "name@sha256:…"), id or id prefix; undefined when there is none.
 * Reads the index, one manifest and one config: nothing else, for this is on the way of every run.
 * Does not look whether its layers are unpacked: see ensureLayers.
 */
export function resolveImage(root: string, text: string): ResolvedImage | undefined {
  // Before it is read: a list that is newer than its version is read once more than needed, and never once too little.
  const index = indexVersion(root);
  if (
    last?.root === root &&
    last.text === text &&
    last.index === index &&
    last.blobs === blobsOf(root, last.image)
  )
    return last.image;
  const entry = findEntry(root, readIndex(root).manifests, text);
  if (entry === undefined) return undefined;
  const image = Object.freeze(resolveEntry(root, entry));
  last = { root, text, index, blobs: blobsOf(root, image), image };
  return image;
}

/** What resolveImage() found last: a program that runs one container after the other mostly means the same image. */
let last:
  | { root: string; text: string; index: string; blobs: string; image: Readonly<ResolvedImage> }
  | undefined;

function blobsOf(root: string, { manifestDigest, id }: ResolvedImage): string {
  return [manifestDigest, id].map((digest) => fileVersion(blobPath(root, digest))).join();
}

/** True while the list has this image. */
export function isListed(root: string, image: ResolvedImage): boolean {
  if (last?.image === image && last.index === indexVersion(root)) return true;
  return readIndex(root).manifests.some(({ digest }) => digest === image.manifestDigest);
}

/** The same, or MydockerError NO_SUCH_IMAGE. */
export function requireImage(root: string, text: string): ResolvedImage {
  const image = resolveImage(root, text);
  if (image === undefined) throw noSuchImage(text);
  return image;
}

/** The error for a name or id that names no image. */
export function noSuchImage(text: string): MydockerError {
  return new MydockerError('NO_SUCH_IMAGE', `no image "${excerpt(text)}"`, {
    subject: excerpt(text),
    remedy:
      'see "mydocker images" for those there are; "mydocker import" makes one from a tar or a directory',
    exitCode: 1,
  });
}

/** True when the list has an image of this name or id, whole or damaged. */
export function hasEntry(root: string, text: string): boolean {
  return findEntry(root, readIndex(root).manifests, text) !== undefined;
}
