import { chainIdsOf } from '../storage/index.ts';
import { assembleImage, parseNewName } from './assemble.ts';
import { applyChanges } from './changes.ts';
import { sweepStore, whileStoring } from './garbage.ts';
import { addLayer } from './layer.ts';
import { type ImageConfig, type ImageFile, readImageFile, readManifest } from './manifest.ts';
import { packWalk } from './pack.ts';
import type { OpenSteps } from './steps.ts';
import type { ResolvedImage } from './store.ts';

/** What `commit` takes beside the container's files. */
export interface CommitOptions {
  root: string;
  /** The image the container was made from. */
  parent: ResolvedImage;
  /** The shim's walk of the container's upper directory. */
  walk: AsyncIterable<Buffer>;
  openSteps: OpenSteps;
  /** The container's own config, where it differs from the parent's (Env, Cmd …); default: the parent's. */
  config?: ImageConfig | undefined;
  /** Dockerfile instructions: see applyChanges. */
  changes?: readonly string[] | undefined;
  message?: string | undefined;
  author?: string | undefined;
  /** Name of the new image, "name[:tag]"; without it the image is found by its id only. */
  reference?: string | undefined;
  /** Unix milliseconds. */
  createdMs: number;
  /** The container's command, for the history. */
  createdBy?: string | undefined;
}

/**
 * A new image: the parent's layers and, above them, what the container changed. Throws BAD_INPUT for a bad name
 * or change before anything is read. After an error the store is as before.
 */
export async function commitImage(options: CommitOptions): Promise<ResolvedImage> {
  const { root, parent } = options;
  const reference = parseNewName(options.reference);
  const config = applyChanges(options.config ?? parent.config, options.changes ?? []);
  const below = readImageFile(root, parent.id);
  const { layers } = readManifest(root, parent.manifestDigest);
  const stored = await whileStoring(root, async () => {
    const layer = await addLayer({
      root,
      tar: packWalk(options.walk, 'upper'),
      lower: chainIdsOf(parent.diffIds),
      openSteps: options.openSteps,
    });
    const created = new Date(options.createdMs).toISOString();
    const author = options.author === undefined || options.author === '' ? {} : { author: options.author };
    const image: ImageFile = {
      created,
      ...author,
      architecture: below.architecture,
      os: below.os,
      ...(below.variant === undefined ? {} : { variant: below.variant }),
      config,
      rootfs: { type: 'layers', diff_ids: [...parent.diffIds, layer.diffId] },
      history: [
        ...(below.history ?? []),
        { created, created_by: options.createdBy ?? '', comment: options.message ?? '', ...author },
      ],
    };
    return assembleImage({ root, image, layers: [...layers, layer.descriptor], reference });
  });
  await sweepStore(root);
  return stored;
}
