/** What happens to one layer, or a sentence about the whole. */
export type ImageProgress =
  | {
      kind: 'layer';
      /** The digest's first 12 hex digits. */
      id: string;
      status: LayerStatus;
      doneBytes?: number;
      totalBytes?: number;
      note?: string;
    }
  | { kind: 'text'; text: string };

export type LayerStatus =
  | 'waiting'
  | 'downloading'
  | 'verifying'
  | 'extracting'
  | 'exists'
  | 'done'
  | 'uploading'
  | 'mounted'
  | 'retrying';

export type OnProgress = (progress: ImageProgress) => void;
