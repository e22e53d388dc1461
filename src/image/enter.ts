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

/** Annotation of an image that came from a registry or went to one: the digest it has there, an index's or its own. */
export const REGISTRY_DIGEST = 'mydocker.registry.digest';

/** What must be in the store for an image to be entered. */
export interface Needs {
  blobs: readonly Digest[];
  chainIds: readonly ChainId[];
}

/** Puts the name on an entry, taking it from the image that had it before, which stays without one. */
function place(entries: IndexEntry[], entry: IndexEntry, reference: Reference | undefined): void {
  if (reference !== undefined) {
    const full = canonicalName(reference);
    for (const old of entries) {
      if (old.annotations?.[FULL_NAME] !== full) continue;
      const { [FULL_NAME]: _full, [REF_NAME]: _name, ...others } = old.annotations;
      old.annotations = others;
    }
    entry.annotations = { ...entry.annotations, [REF_NAME]: familiarName(reference), [FULL_NAME]: full };
  }
  const isNameless = (e: IndexEntry) => e.annotations?.[FULL_NAME] === undefined;
  // A manifest needs no nameless entry beside a named one.
  const others = entries.filter((e) => e.digest !== entry.digest || !isNameless(e));
  const isThere = reference === undefined && others.some((e) => e.digest === entry.digest);
  entries.splice(0, entries.length, ...others, ...(isThere ? [] : [entry]));
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
