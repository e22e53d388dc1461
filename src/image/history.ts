import { chainIdsOf, layerFacts } from '../storage/index.ts';
import { requireEntry } from './list.ts';
import { loadEntry } from './store.ts';

/** One step in the making of an image, as `history` shows it. */
export interface HistoryRow {
  /** The image's id for the newest step, else "<missing>": as with Docker, the others are no images. */
  id: string;
  /** Unix milliseconds; 0 when it is not known. */
  createdAtMs: number;
  createdBy: string;
  /** Sum of the sizes of the files of its layer; 0 for a step that changed the config only. */
  sizeBytes: number;
  comment: string;
}

/** How an image was made, newest step first. Throws MydockerError NO_SUCH_IMAGE, AMBIGUOUS, CORRUPT_IMAGE. */
export function imageHistory(root: string, text: string): HistoryRow[] {
  const { manifest, image } = loadEntry(root, requireEntry(root, text));
  const sizes = chainIdsOf(image.rootfs.diff_ids).map((chainId) => layerFacts(root, chainId)?.sizeBytes ?? 0);
  const rows = (image.history ?? []).map((entry): HistoryRow => {
    const createdMs = Date.parse(entry.created ?? '');
    return {
      id: '<missing>',
      createdAtMs: Number.isNaN(createdMs) ? 0 : createdMs,
      createdBy: entry.created_by ?? '',
      sizeBytes: entry.empty_layer === true ? 0 : (sizes.shift() ?? 0),
      comment: entry.comment ?? '',
    };
  });
  // Not every builder writes a history: each layer it left out is a step of its own.
  for (const sizeBytes of sizes) {
    rows.push({ id: '<missing>', createdAtMs: 0, createdBy: '', sizeBytes, comment: '' });
  }
  const newest = rows.at(-1);
  if (newest !== undefined) newest.id = manifest.config.digest;
  return rows.reverse();
}
