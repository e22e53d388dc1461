import { MydockerError } from '../base/index.ts';
import {
  type ContentIndex,
  chainIdsOf,
  FULL_NAME,
  type ImageId,
  type IndexEntry,
  updateIndex,
} from '../storage/index.ts';
import { REGISTRY_DIGEST, withoutName } from './enter.ts';
import { blobsOf, collect, deleteUnused, type Leftovers, whileStoring } from './garbage.ts';
import { ifReadable, readImageFile, readManifest } from './manifest.ts';
import { familiarRepository, parseReference } from './reference.ts';
import { findEntry, isOfDigest, nameOf, noSuchImage } from './store.ts';

/** A container that was made of an image. */
export interface ImageUser {
  /** Its name, or the beginning of its id. */
  name: string;
  /** "running", "stopped" … */
  status: string;
}

/** What `rmi` takes. */
export interface RemoveImageOptions {
  root: string;
  /** Name, name@digest, id or id prefix. */
  reference: string;
  /** Remove all names of an image given by id; take the names from an image that containers use. */
  force?: boolean | undefined;
  /** The containers made of an image. */
  usersOf: (id: ImageId) => ImageUser[];
}

/** Names taken away, and digests of what was deleted, the image's id first. */
export interface RemovedImage {
  untagged: string[];
  deleted: string[];
}

function conflict(text: string, why: string, remedy: string): MydockerError {
  return new MydockerError('IMAGE_IN_USE', `cannot remove the image "${text}": ${why}`, {
    subject: text,
    remedy,
    exitCode: 1,
  });
}

/** Its id, or undefined when its manifest is unreadable. */
export function idOf(root: string, entry: IndexEntry): ImageId | undefined {
  return ifReadable(() => readManifest(root, entry.digest))?.config.digest;
}

/** What `Untagged:` shows of an entry: "app:v1", and "app@sha256:…" for what came from a registry. */
export function namesLost(entry: IndexEntry): string[] {
  const name = nameOf(entry);
  const tagged = name.includes(':', name.lastIndexOf('/') + 1) ? name : `${name}:latest`;
  const [repository = '', digest] = entry.annotations?.[REGISTRY_DIGEST]?.split('@') ?? [];
  return [
    ...(name === '' ? [] : [tagged]),
    ...(digest === undefined ? [] : [`${familiarRepository(parseReference(repository))}@${digest}`]),
  ];
}

/** What one entry leads to; not all of it (`isWhole`) when the image is damaged. */
export function leftoversOf(root: string, entry: IndexEntry): Leftovers & { isWhole: boolean } {
  const manifest = ifReadable(() => readManifest(root, entry.digest));
  if (manifest === undefined) return { blobs: [entry.digest], chainIds: [], isWhole: false };
  const file = ifReadable(() => readImageFile(root, manifest.config.digest));
  return {
    blobs: blobsOf(entry.digest, manifest),
    chainIds: file === undefined ? [] : chainIdsOf(file.rootfs.diff_ids),
    isWhole: file !== undefined,
  };
}

/** The entries to take out: the one name that was given, or all of an image that was given by id or digest. */
function chosen(
  index: ContentIndex,
  found: IndexEntry,
  options: RemoveImageOptions,
): { leaving: IndexEntry[]; isById: boolean } {
  const { root, reference, force } = options;
  const id = idOf(root, found);
  const all = index.manifests.filter(
    (entry) => entry.digest === found.digest || (id !== undefined && idOf(root, entry) === id),
  );
  const given = reference.replace(/^sha256:/, '');
  const isById = nameOf(found) !== reference && id?.slice('sha256:'.length).startsWith(given) === true;
  if (!isById) {
    const parsed = ifParsed(reference);
    const digest = parsed?.digest;
    if (parsed === undefined || digest === undefined) return { leaving: [found], isById };
    return { leaving: all.filter((entry) => isOfDigest(entry, parsed, digest)), isById };
  }
  const names = all.map((entry) => entry.annotations?.[FULL_NAME]).filter((name) => name !== undefined);
  if (names.length > 1 && force !== true) {
    const why = `it has several names: ${all.map(nameOf).join(', ')}`;
    throw conflict(reference, why, 'remove it by name, or all names with -f');
  }
  return { leaving: all, isById };
}

function ifParsed(text: string): ReturnType<typeof parseReference> | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    if (error instanceof MydockerError) return undefined;
    throw error;
  }
}

/** Says why an image that containers use cannot be removed; nothing if it may at least lose its names. */
function refuse(
  options: RemoveImageOptions,
  users: readonly ImageUser[],
  how: { isById: boolean; hasName: boolean },
): void {
  const { reference, force } = options;
  const user = users.find(({ status }) => status === 'running' || status === 'paused') ?? users[0];
  if (user === undefined) return;
  const why = `container ${user.name} (${user.status}) uses it`;
  if (force !== true) throw conflict(reference, why, 'remove the container first, or use -f');
  const isRunning = user.status === 'running' || user.status === 'paused';
  if ((how.isById && isRunning) || !how.hasName) {
    throw conflict(reference, `${why}, and its files lie in the image`, 'remove the container first');
  }
}

/**
 * Takes a name away; with the last name of an image, deletes what no other image and no container uses. An image that
 * containers use is refused; with `force` it loses its names and stays, for those containers need its layers; by its
 * id, while one of them runs, not even then. Readers see the image whole or not at all; what a killed removal leaves
 * is cleared by the next command that sweeps. Throws MydockerError NO_SUCH_IMAGE, AMBIGUOUS, IMAGE_IN_USE.
 */
export async function removeImage(options: RemoveImageOptions): Promise<RemovedImage> {
  const { root, reference, usersOf } = options;
  const removed: RemovedImage = { untagged: [], deleted: [] };
  let leaving: IndexEntry[] = [];
  let isById = false;
  /** The entry with which the image goes, and its id if nothing else serves its containers. */
  let last: { entry: IndexEntry; id: ImageId | undefined } | undefined;
  const keepIfUsed = (index: ContentIndex): void => {
    const users = last?.id === undefined ? [] : usersOf(last.id);
    refuse(options, users, { isById, hasName: removed.untagged.length > 0 });
    if (last === undefined || users.length === 0) return;
    index.manifests.push(withoutDigest(withoutName(last.entry)));
    last = undefined;
  };
  const change = (index: ContentIndex): void => {
    const found = findEntry(root, index.manifests, reference);
    if (found === undefined) throw noSuchImage(reference);
    ({ leaving, isById } = chosen(index, found, options));
    removed.untagged = leaving.flatMap(namesLost);
    index.manifests = index.manifests.filter((entry) => !leaving.includes(entry));
    if (index.manifests.some((entry) => entry.digest === found.digest)) return;
    const id = idOf(root, found);
    // The same image under another manifest, with other compression, serves its containers as well.
    const isServed = id !== undefined && index.manifests.some((entry) => idOf(root, entry) === id);
    last = { entry: found, id: isServed ? undefined : id };
    keepIfUsed(index);
  };
  await whileStoring(root, (mark) =>
    updateIndex(root, change, (index, rewrite) => {
      if (last === undefined) return;
      const left = [...index.manifests];
      try {
        // A container may have been made of it just now: keepImage() of the engine is the other half of this.
        keepIfUsed(index);
      } catch (error) {
        index.manifests = [...left, ...leaving];
        rewrite();
        throw error;
      }
      if (last === undefined) return rewrite();
      const leftovers = leftoversOf(root, last.entry);
      removed.deleted = deleteUnused(root, index, leftovers);
      // Damaged: what else was of it is only known by looking at everything.
      if (!leftovers.isWhole) removed.deleted.push(...collect(root, index, { mine: mark }).deleted);
    }),
  );
  return removed;
}

function withoutDigest(entry: IndexEntry): IndexEntry {
  const { [REGISTRY_DIGEST]: _digest, ...annotations } = entry.annotations ?? {};
  return { ...entry, annotations };
}
