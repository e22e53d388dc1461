import {
  type ContentIndex,
  DiskMeter,
  type IndexEntry,
  listDownloads,
  pruneDownloads,
  updateIndex,
} from '../storage/index.ts';
import { imageFilter } from './filters.ts';
import { collect, deleteUnused, whileStoring } from './garbage.ts';
import { listImages } from './list.ts';
import { isImageEntry } from './manifest.ts';
import { idOf, leftoversOf, namesLost, type RemoveImageOptions } from './remove.ts';
import { nameOf } from './store.ts';

/** What `image prune` takes. */
export interface PruneOptions {
  root: string;
  /** Every image without a container, not only those without a tag. */
  all?: boolean | undefined;
  /** "until=24h", "label=key=value", "label!=key". */
  filters?: readonly string[] | undefined;
  usersOf: RemoveImageOptions['usersOf'];
}

/** What `image prune` did. */
export interface PrunedImages {
  untagged: string[];
  /** Digests, each image's id first. */
  deleted: string[];
  /** Bytes on the disk that are free again. */
  reclaimedBytes: number;
  /** True when another command is storing an image: what belongs to no image was left alone. */
  isBusy: boolean;
}

/**
 * Removes the images without a tag (`all`: all) that no container uses, and what interrupted commands left: blobs and
 * layers of no image, unfinished downloads. Those of living processes stay. A killed prune leaves what the next one
 * removes. Throws MydockerError BAD_INPUT.
 */
export async function pruneImages(options: PruneOptions): Promise<PrunedImages> {
  const { root, usersOf } = options;
  const keep = imageFilter(root, options.filters ?? [], ['until', 'label', 'label!']);
  const meter = new DiskMeter(root);
  const result: PrunedImages = { untagged: [], deleted: [], reclaimedBytes: 0, isBusy: false };
  let leaving: IndexEntry[] = [];
  const onDelete = (path: string): void => {
    result.reclaimedBytes += meter.tree(path);
  };
  const isUsed = (entry: IndexEntry): boolean => {
    const id = idOf(root, entry);
    return id !== undefined && usersOf(id).length > 0;
  };
  const change = (index: ContentIndex): void => {
    const rows = new Map(listImages(root).map((row) => [row.id, row]));
    const isWanted = (entry: IndexEntry): boolean => {
      const row = rows.get(idOf(root, entry) ?? entry.digest) ?? rows.get(entry.digest);
      return row !== undefined && keep(row);
    };
    const named = new Set(index.manifests.filter((e) => nameOf(e) !== '').map((e) => e.digest));
    leaving = index.manifests.filter(
      (entry) =>
        isImageEntry(entry) &&
        (options.all === true || !named.has(entry.digest)) &&
        isWanted(entry) &&
        !isUsed(entry),
    );
    index.manifests = index.manifests.filter((entry) => !leaving.includes(entry));
  };
  await whileStoring(root, (mark) =>
    updateIndex(root, change, (index, rewrite) => {
      // A container may have been made of one just now: see removeImage.
      const kept = leaving.filter(isUsed);
      if (kept.length > 0) {
        leaving = leaving.filter((entry) => !kept.includes(entry));
        index.manifests.push(...kept);
        rewrite();
      }
      result.untagged = leaving.flatMap(namesLost);
      for (const entry of leaving) {
        result.deleted.push(...deleteUnused(root, index, leftoversOf(root, entry), onDelete));
      }
      const { deleted, isBusy } = collect(root, index, { mine: mark, onDelete });
      result.deleted.push(...deleted);
      result.isBusy = isBusy;
      if (!isBusy) result.reclaimedBytes += dropDownloads(root);
    }),
  );
  return result;
}

/** Nobody is pulling; only what a living process still writes stays. */
function dropDownloads(root: string): number {
  const measured = (): number => {
    const meter = new DiskMeter(root);
    return listDownloads(root).reduce((sum, { path }) => sum + meter.own(path), 0);
  };
  const before = measured();
  pruneDownloads(root);
  return before - measured();
}
