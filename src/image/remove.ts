import { MydockerError } from '../base/index.ts';
import {
  type ContentIndex,
  chainIdsOf,
  FULL_NAME,
  type ImageId,
  type IndexEntry,
  REF_NAME,
  updateIndex,
} from '../storage/index.ts';
import { deleteUnused, type Leftovers } from './garbage.ts';
import { ifReadable, readManifest } from './manifest.ts';
import { findEntry, loadEntry, nameOf, noSuchImage } from './store.ts';

/** What `rmi` takes. */
export interface RemoveImageOptions {
  root: string;
  /** Name, id or id prefix. */
  reference: string;
  /** Remove all names of an image given by id; take the name from an image that containers use. */
  force?: boolean | undefined;
  /** Why an image must stay ("container bird uses it"), or undefined. */
  usedBy: (id: ImageId) => string | undefined;
}

/** Names taken away, and digests of what was deleted. */
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

function fullName(name: string): string {
  return name.includes(':', name.lastIndexOf('/') + 1) ? name : `${name}:latest`;
}

function idOf(root: string, entry: IndexEntry): ImageId | undefined {
  return ifReadable(() => readManifest(root, entry.digest))?.config.digest;
}

/** The entries to take out: the one name that was given, or all of an image that was given by id. */
function chosen(index: ContentIndex, found: IndexEntry, options: RemoveImageOptions): IndexEntry[] {
  const all = index.manifests.filter((entry) => entry.digest === found.digest);
  const given = options.reference.replace(/^sha256:/, '');
  const isById = idOf(options.root, found)?.slice('sha256:'.length).startsWith(given) === true;
  if (!isById || nameOf(found) === options.reference) return [found];
  if (all.length > 1 && options.force !== true) {
    const why = `it has several names: ${all.map(nameOf).join(', ')}`;
    throw conflict(options.reference, why, 'remove it by name, or all names with -f');
  }
  return all;
}

function leftoversOf(root: string, entry: IndexEntry): Leftovers {
  const stored = ifReadable(() => loadEntry(root, entry));
  if (stored === undefined) return { blobs: [entry.digest], chainIds: [] };
  const { manifest, image } = stored;
  return {
    blobs: [entry.digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)],
    chainIds: chainIdsOf(image.rootfs.diff_ids),
  };
}

/**
 * Takes a name away; with the last name of an image, deletes what no other image uses. An image that containers
 * use is refused; with `force` it loses its name and stays, for those containers need its layers.
 * Throws MydockerError NO_SUCH_IMAGE, AMBIGUOUS, IMAGE_IN_USE.
 */
export async function removeImage(options: RemoveImageOptions): Promise<RemovedImage> {
  const { root, reference } = options;
  let leftovers: Leftovers | undefined;
  const removed: RemovedImage = { untagged: [], deleted: [] };
  const change = (index: ContentIndex) => {
    const found = findEntry(root, index.manifests, reference);
    if (found === undefined) throw noSuchImage(reference);
    const leaving = chosen(index, found, options);
    removed.untagged = leaving
      .map(nameOf)
      .filter((name) => name !== '')
      .map(fullName);
    const staying = index.manifests.filter((entry) => !leaving.includes(entry));
    const id = idOf(root, found);
    const user = id === undefined ? undefined : options.usedBy(id);
    index.manifests = staying;
    if (staying.some((entry) => entry.digest === found.digest)) return;
    if (user === undefined) leftovers = leftoversOf(root, found);
    else if (options.force !== true) throw conflict(reference, user, 'remove the container first, or use -f');
    else index.manifests = [...staying, withoutName(found)];
  };
  await updateIndex(root, change, (index) => {
    if (leftovers !== undefined) removed.deleted = deleteUnused(root, index, leftovers);
  });
  return removed;
}

function withoutName(entry: IndexEntry): IndexEntry {
  const { [FULL_NAME]: _full, [REF_NAME]: _name, ...annotations } = entry.annotations ?? {};
  return { ...entry, annotations };
}
