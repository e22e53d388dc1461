import {
  type ChainId,
  type Digest,
  FULL_NAME,
  hasBlob,
  hasLayer,
  type IndexEntry,
  REF_NAME,
  updateIndex,
} from '../storage/index.ts';
import { canonicalName, familiarName, type Reference } from './reference.ts';
import { digestReference, REGISTRY_DIGEST } from './store.ts';

export { digestReference, REGISTRY_DIGEST } from './store.ts';

/** What must be in the store for an image to be entered. */
export interface Needs {
  blobs: readonly Digest[];
  chainIds: readonly ChainId[];
}

/** The entry without its name. What a registry calls it stays. */
export function withoutName(entry: IndexEntry): IndexEntry {
  const { [FULL_NAME]: _full, [REF_NAME]: _name, ...annotations } = entry.annotations ?? {};
  return { ...entry, annotations };
}

/** False for an entry that another one of the same manifest makes needless: it has no name, and no digest of its own. */
function isNeeded(entry: IndexEntry, at: number, entries: readonly IndexEntry[]): boolean {
  const full = entry.annotations?.[FULL_NAME];
  if (full !== undefined) return true;
  const digest = entry.annotations?.[REGISTRY_DIGEST];
  return !entries.some((other, i) => {
    if (i === at || other.digest !== entry.digest) return false;
    const name = other.annotations?.[FULL_NAME];
    const isSame = digest === undefined || other.annotations?.[REGISTRY_DIGEST] === digest;
    // Of two that are alike the first one stays.
    return isSame && (name !== undefined || i < at || other.annotations?.[REGISTRY_DIGEST] !== digest);
  });
}

/** Puts the name on an entry, taking it from the image that had it before, which stays without one. */
function place(entries: IndexEntry[], entry: IndexEntry, reference: Reference | undefined): void {
  if (reference !== undefined) {
    const full = canonicalName(reference);
    for (const [i, old] of entries.entries()) {
      if (old.annotations?.[FULL_NAME] === full) entries[i] = withoutName(old);
    }
    entry.annotations = { ...entry.annotations, [REF_NAME]: familiarName(reference), [FULL_NAME]: full };
  }
  const all = [...entries, entry];
  entries.splice(0, entries.length, ...all.filter(isNeeded));
}

/** Puts a further name on an entry of the list. What a registry calls it holds for names of the same repository only. */
export function addName(entries: IndexEntry[], entry: IndexEntry, reference: Reference): void {
  if (entry.annotations?.[FULL_NAME] === canonicalName(reference)) return;
  const { [REGISTRY_DIGEST]: digest, ...annotations } = entry.annotations ?? {};
  const isSame = digest?.startsWith(digestReference(reference, 'sha256:')) === true;
  place(
    entries,
    { ...entry, annotations: isSame ? { ...annotations, [REGISTRY_DIGEST]: digest } : annotations },
    reference,
  );
}

/** Notes what a registry calls the image of this name now. Nothing happens if it has lost that name meanwhile. */
export async function markPushed(root: string, reference: Reference, digest: Digest): Promise<void> {
  const full = canonicalName(reference);
  await updateIndex(root, ({ manifests }) => {
    const entry = manifests.find((e) => e.annotations?.[FULL_NAME] === full);
    if (entry === undefined) return;
    entry.annotations = { ...entry.annotations, [REGISTRY_DIGEST]: digestReference(reference, digest) };
  });
}

/** The names an image is entered under; none: it is found by its id only. */
export interface Entering {
  root: string;
  entry: IndexEntry;
  references: readonly Reference[];
  needs: Needs;
}

/**
 * Enters an image in the list: readers see it whole or not at all. undefined when something it needs is not in the
 * store, for a removal that ended just now may have taken what it shares: looked at under the list's lock.
 */
export async function enterImage({
  root,
  entry,
  references,
  needs,
}: Entering): Promise<IndexEntry | undefined> {
  return updateIndex(root, (index) => {
    const isWhole =
      needs.blobs.every((blob) => hasBlob(root, blob)) &&
      needs.chainIds.every((chainId) => hasLayer(root, chainId));
    if (!isWhole) return undefined;
    const names = references.length === 0 ? [undefined] : references;
    let placed = entry;
    for (const reference of names) {
      placed = { ...entry, annotations: { ...entry.annotations } };
      place(index.manifests, placed, reference);
    }
    return names[0] === undefined
      ? (index.manifests.find((e) => e.digest === entry.digest) ?? placed)
      : placed;
  });
}
