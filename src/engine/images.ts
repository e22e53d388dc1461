import { createReadStream, statSync } from 'node:fs';
import { badInput, errnoOf, MydockerError } from '../base/index.ts';
import {
  DEFAULT_IMAGE,
  ensureDefaultImage,
  ensureLayers,
  familiarName,
  filteredImages,
  hasEntry,
  imageHistory,
  importImage,
  inspectImage,
  noSuchImage,
  type OpenSteps,
  type PrunedImages,
  parseReference,
  type ResolvedImage,
  removeImage,
  resolveImage,
  tagImage,
} from '../image/index.ts';
import { assetPath, openStepStream, runWalk } from '../shim/index.ts';
import type { Core } from './core.ts';
import type { PruneSpec } from './prune.ts';
import type { PullSpec } from './pull.ts';
import type { ImageHistoryEntry, ImageSummary } from './types.ts';

export function stepOpener(core: Core): OpenSteps {
  return (initial) => Promise.resolve(openStepStream(core.root, initial));
}

/** True for "busybox", "busybox:latest", "docker.io/library/busybox". */
export function isDefaultName(text: string): boolean {
  try {
    return familiarName(parseReference(text)) === DEFAULT_IMAGE;
  } catch (error) {
    if (error instanceof MydockerError) return false;
    throw error;
  }
}

function asset(): { tarPath: string; jsonPath: string } {
  return { tarPath: assetPath('busybox.tar'), jsonPath: assetPath('busybox.json') };
}

/** The image a container is made from: from the store, or, for the built-in one, made now. Throws NO_SUCH_IMAGE. */
export async function imageFor(core: Core, reference: string): Promise<ResolvedImage> {
  try {
    const image = resolveImage(core.root, reference);
    if (image !== undefined) {
      await ensureLayers(core.root, image, stepOpener(core));
      return image;
    }
  } catch (error) {
    // It may have been removed while we read it; otherwise it is damaged.
    if (hasEntry(core.root, reference)) throw error;
  }
  if (isDefaultName(reference)) return ensureDefaultImage(core.root, asset(), stepOpener(core));
  throw noSuchImage(reference);
}

/** An error of the archive, saying which one. */
function ofSource(error: unknown, source: string): unknown {
  if (!(error instanceof MydockerError) || error.code !== 'BAD_LAYER') return error;
  const name = source === '-' ? 'standard input' : source;
  const message = error.message.replace('the archive', name);
  return new MydockerError(error.code, message, { subject: name, remedy: error.remedy, cause: error });
}

/** A pulled image, as the library gives it. */
export interface PullResult {
  /** Digest of the config: the image id. */
  id: string;
  /** "name:tag" as it is in the store; "" for one pulled by digest. */
  reference: string;
  /** What the registry calls it. */
  digest: string;
  /** False when it was here already. */
  isNew: boolean;
}

/** The images room of the engine. */
export class Images {
  constructor(private readonly core: Core) {}

  /** All images, newest first, one row for each name. `filters` as `images --filter` takes them. Throws BAD_INPUT. */
  list(options: { reference?: string; filters?: readonly string[] } = {}): Promise<ImageSummary[]> {
    return filteredImages(this.core.root, options);
  }

  /** Docker's shape. Throws NO_SUCH_IMAGE. */
  inspect(reference: string): Promise<unknown> {
    return inspectImage(this.core.root, reference);
  }

  /** Fetches an image from its registry. Throws REGISTRY_UNREACHABLE, NO_SUCH_REMOTE_IMAGE, UNAUTHORIZED … */
  async pull(reference: string, spec: PullSpec = {}): Promise<PullResult> {
    const { pull } = await import('./pull.ts');
    const { image, digest, isNew } = await pull(this.core, reference, spec);
    return { id: image.id, reference: image.reference, digest, isNew };
  }

  /** Untags, and deletes what no image uses any more. Throws IMAGE_IN_USE, NO_SUCH_IMAGE. */
  async remove(
    reference: string,
    options: { force?: boolean } = {},
  ): Promise<{ untagged: string[]; deleted: string[] }> {
    this.core.prepare();
    const { usersOf } = await import('./image-users.ts');
    return removeImage({
      root: this.core.root,
      reference,
      force: options.force,
      usersOf: (id) => usersOf(this.core, id),
    });
  }

  /** One more name for an image. Throws NO_SUCH_IMAGE, BAD_INPUT. */
  async tag(source: string, target: string): Promise<void> {
    this.core.prepare();
    await tagImage(this.core.root, source, target);
  }

  /** How an image was made, newest step first. Throws NO_SUCH_IMAGE. */
  history(reference: string): Promise<ImageHistoryEntry[]> {
    return imageHistory(this.core.root, reference);
  }

  /** Removes images without a tag (`all`: all) that no container uses, and what interrupted commands left. */
  async prune(spec: PruneSpec = {}): Promise<PrunedImages> {
    return (await import('./prune.ts')).prune(this.core, spec);
  }

  /** A root file system as a new one-layer image: a tar (gzip too), a directory, or "-" for standard input. */
  async import(
    source: string,
    options: {
      reference?: string | undefined;
      message?: string | undefined;
      changes?: readonly string[] | undefined;
    } = {},
  ): Promise<string> {
    this.core.prepare();
    let directory = false;
    if (source !== '-') {
      try {
        directory = statSync(source).isDirectory();
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === undefined) throw error;
        throw badInput(
          `cannot import ${source}: ${errno === 'ENOENT' ? 'there is no such file or directory' : errno}`,
          {
            errno,
            subject: source,
            remedy: 'give a tar file, a directory, or - for standard input',
            exitCode: 1,
            cause: error,
          },
        );
      }
    }
    const openSteps = stepOpener(this.core);
    // The shim's file must be there before something is walked.
    const from = directory
      ? { walk: runWalk(this.core.root, source.startsWith('/') ? source : `${process.cwd()}/${source}`) }
      : { tar: source === '-' ? process.stdin : createReadStream(source) };
    const image = await importImage({
      root: this.core.root,
      source: from,
      openSteps,
      createdMs: Date.now(),
      ...options,
    }).catch((error: unknown) => {
      throw ofSource(error, source);
    });
    return image.id;
  }
}
