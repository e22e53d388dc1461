import type { ImageSummary } from '../engine/types.ts';
import { ago, humanSize, localTime, shortId } from './format.ts';
import type { Row } from './rows.ts';

/** "2 days ago"; "N/A" for an image that does not say. */
export function since(createdAtMs: number): string {
  return createdAtMs === 0 ? 'N/A' : ago(createdAtMs, Date.now());
}

/** An image for `--format`: Docker's field names. */
export function imageRow(image: ImageSummary, whole: boolean): Row {
  return {
    fields: {
      Repository: image.repository,
      Tag: image.tag,
      ID: whole ? image.id : shortId(image.id),
      Digest: image.digest,
      CreatedAt: image.createdAtMs === 0 ? 'N/A' : localTime(image.createdAtMs),
      CreatedSince: since(image.createdAtMs),
      Size: humanSize(image.sizeBytes),
      Containers: 'N/A',
      SharedSize: 'N/A',
      UniqueSize: 'N/A',
    },
    labels: image.labels,
  };
}
