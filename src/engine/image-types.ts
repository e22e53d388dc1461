export type { HistoryRow as ImageHistoryEntry, ImageRow as ImageSummary } from '../image/index.ts';

/** What an image takes on the disk: compressed blobs and unpacked layers, in bytes of whole blocks. */
export interface ImageUsage {
  id: string;
  /** What other images need too. */
  sharedBytes: number;
  uniqueBytes: number;
  /** How many containers are made of it, or have its files mounted. */
  containers: number;
}
