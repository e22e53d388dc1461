import { assembleImage, parseNewName } from './assemble.ts';
import { applyChanges } from './changes.ts';
import { sweepStore, whileStoring } from './garbage.ts';
import { addLayer } from './layer.ts';
import { layerLimits } from './limits.ts';
import { type ImageFile, imageArchitecture } from './manifest.ts';
import { unpackedBytes } from './meter.ts';
import { packWalk } from './pack.ts';
import type { OpenSteps } from './steps.ts';
import type { ResolvedImage } from './store.ts';

/** Where an imported root file system comes from. */
export type ImportSource =
  /** A tar, gzipped or not: a file's stream, or standard input. */
  | { tar: AsyncIterable<Buffer> }
  /** The shim's walk of a directory. */
  | { walk: AsyncIterable<Buffer> };

/** What `import` takes. */
export interface ImportOptions {
  root: string;
  source: ImportSource;
  openSteps: OpenSteps;
  /** Dockerfile instructions: see applyChanges. */
  changes?: readonly string[] | undefined;
  message?: string | undefined;
  /** Name of the new image, "name[:tag]". */
  reference?: string | undefined;
  /** Unix milliseconds. */
  createdMs: number;
}

/**
 * A new image of one layer. Throws BAD_INPUT for a bad name or change before anything is read, BAD_LAYER for a
 * source that is no tar. After an error the store is as before.
 */
export async function importImage(options: ImportOptions): Promise<ResolvedImage> {
  const { root, source, openSteps } = options;
  const reference = parseNewName(options.reference);
  const config = applyChanges({}, options.changes ?? []);
  const tar =
    'tar' in source ? unpackedBytes(source.tar, layerLimits(), () => {}) : packWalk(source.walk, 'directory');
  const stored = await whileStoring(root, async () => {
    const layer = await addLayer({ root, tar, openSteps });
    const created = new Date(options.createdMs).toISOString();
    const image: ImageFile = {
      created,
      architecture: imageArchitecture(),
      os: 'linux',
      config,
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, comment: options.message ?? 'imported' }],
    };
    return assembleImage({ root, image, layers: [layer.descriptor], reference });
  });
  await sweepStore(root);
  return stored;
}
