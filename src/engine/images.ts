import { createReadStream, statSync } from 'node:fs';
import { badInput, errnoOf, MydockerError } from '../base/index.ts';
import {
  type ArchiveFormat,
  DEFAULT_IMAGE,
  ensureDefaultImage,
  ensureLayers,
  familiarName,
  filteredImages,
  hasEntry,
  imageHistory,
  importImage,
  inspectImage,
  type LoadedImage,
  loadImages,
  loginTo,
  logoutFrom,
  noSuchImage,
  type OnProgress,
  type OpenSteps,
  type PrunedImages,
  parseReference,
  type ResolvedImage,
  removeImage,
  resolveImage,
  saveImages,
  tagImage,
} from '../image/index.ts';
import { assetPath, openStepStream, runWalk } from '../shim/index.ts';
import type { Core } from './core.ts';
import { recordEvent } from './events-file.ts';
import type { PruneSpec } from './prune.ts';
import type { PullSpec } from './registry.ts';
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

/** When an image comes from its registry: ContainerSpec's `pull` and `platform`. */
export interface PullPolicy {
  pull?: 'always' | 'missing' | 'never' | undefined;
  platform?: string | undefined;
}

/**
 * The image a container is made from: from the store; the built-in one is made now; others are pulled, unless the
 * policy is "never". Throws NO_SUCH_IMAGE, and what a pull throws.
 */
export async function imageFor(
  core: Core,
  reference: string,
  policy: PullPolicy = { pull: 'never' },
): Promise<ResolvedImage> {
  try {
    const image = policy.pull === 'always' ? undefined : resolveImage(core.root, reference);
    if (image !== undefined) {
      await ensureLayers(core.root, image, stepOpener(core));
      return image;
    }
  } catch (error) {
    // It may have been removed while we read it; otherwise it is damaged.
    if (hasEntry(core.root, reference)) throw error;
  }
  if (policy.pull !== 'always' && isDefaultName(reference)) {
    return ensureDefaultImage(core.root, asset(), stepOpener(core));
  }
  if (policy.pull === 'never') throw noSuchImage(reference);
  const { pull } = await import('./registry.ts');
  return (await pull(core, reference, { platform: policy.platform })).image;
}

/** The built-in image is in the store from when a command first names it. */
async function storeBuiltIn(core: Core, references: readonly string[]): Promise<void> {
  if (!references.some((text) => isDefaultName(text) && !hasEntry(core.root, text))) return;
  core.prepare();
  await ensureDefaultImage(core.root, asset(), stepOpener(core));
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
  /** "docker.io/library/busybox:latest", or with "@sha256:…" when it was asked for by digest. */
  fullName: string;
  /** What the registry calls it. */
  digest: string;
  /** False when it was here already. */
  isNew: boolean;
}

/** A pushed image. */
export interface PushResult {
  tag: string;
  /** Digest of the manifest. */
  digest: string;
  /** Bytes of the manifest. */
  sizeBytes: number;
}

/** The images room of the engine. */
export class Images {
  constructor(private readonly core: Core) {}

  private tell(action: string, name: string): void {
    recordEvent(this.core.paths, { type: 'image', action, id: name, attributes: { name } });
  }

  /** All images, newest first, one row for each name. `filters` as `images --filter` takes them. Throws BAD_INPUT. */
  list(options: { reference?: string; filters?: readonly string[] } = {}): Promise<ImageSummary[]> {
    return filteredImages(this.core.root, options);
  }

  /** Docker's shape. Throws NO_SUCH_IMAGE. */
  async inspect(reference: string): Promise<unknown> {
    await storeBuiltIn(this.core, [reference]);
    return inspectImage(this.core.root, reference);
  }

  /** Fetches an image from its registry. Throws REGISTRY_UNREACHABLE, NO_SUCH_REMOTE_IMAGE, UNAUTHORIZED … */
  async pull(reference: string, spec: PullSpec = {}): Promise<PullResult> {
    const { pull } = await import('./registry.ts');
    const { image, ...pulled } = await pull(this.core, reference, spec);
    this.tell('pull', image.reference || image.id);
    return { id: image.id, reference: image.reference, ...pulled };
  }

  /** Sends an image to the registry in its name. Throws NO_SUCH_IMAGE, UNAUTHORIZED, REGISTRY_UNREACHABLE … */
  async push(reference: string, spec: Omit<PullSpec, 'platform'> = {}): Promise<PushResult> {
    await storeBuiltIn(this.core, [reference]);
    const { push } = await import('./registry.ts');
    const pushed = await push(this.core, reference, spec);
    this.tell('push', reference);
    return pushed;
  }

  /**
   * An archive of images, by name or id: a tar that this program, Docker, podman and skopeo read. Throws NO_SUCH_IMAGE
   * before the first byte.
   */
  async *save(
    references: readonly string[],
    options: { format?: ArchiveFormat } = {},
  ): AsyncGenerator<Buffer> {
    await storeBuiltIn(this.core, references);
    yield* saveImages(this.core.root, references, options.format ?? 'docker-archive');
  }

  /** Takes the images of an archive into the store: all of them, or none. Throws BAD_ARCHIVE, BAD_DIGEST … */
  load(
    archive: AsyncIterable<Buffer>,
    options: { onProgress?: OnProgress | undefined } = {},
  ): Promise<LoadedImage[]> {
    this.core.prepare();
    return loadImages({ root: this.core.root, archive, openSteps: stepOpener(this.core), ...options });
  }

  /**
   * Tries a name and a password with a registry and keeps them for pull and push, in a file that only this user can
   * read. Throws UNAUTHORIZED, REGISTRY_UNREACHABLE.
   */
  async login(
    host: string,
    credentials: { user: string; password: string },
    options: { insecure?: boolean | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    await loginTo(host, credentials, options);
  }

  /** Forgets what login kept; false when there was nothing. */
  logout(host: string): Promise<boolean> {
    return logoutFrom(host);
  }

  /** Untags, and deletes what no image uses any more. Throws IMAGE_IN_USE, NO_SUCH_IMAGE. */
  async remove(
    reference: string,
    options: { force?: boolean } = {},
  ): Promise<{ untagged: string[]; deleted: string[] }> {
    this.core.prepare();
    const { usersOf } = await import('./image-users.ts');
    const removed = await removeImage({
      root: this.core.root,
      reference,
      force: options.force,
      usersOf: (id) => usersOf(this.core, id),
    });
    for (const name of removed.untagged) this.tell('untag', name);
    for (const id of removed.deleted) this.tell('delete', id);
    return removed;
  }

  /** One more name for an image. Throws NO_SUCH_IMAGE, BAD_INPUT. */
  async tag(source: string, target: string): Promise<void> {
    this.core.prepare();
    await storeBuiltIn(this.core, [source]);
    await tagImage(this.core.root, source, target);
    this.tell('tag', target);
  }

  /** How an image was made, newest step first. Throws NO_SUCH_IMAGE. */
  async history(reference: string): Promise<ImageHistoryEntry[]> {
    await storeBuiltIn(this.core, [reference]);
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
