/**
 * The parts of this room that read or write tar: loaded when first used, for a `run` of an image that is here
 * needs none of them, and lives only 15 ms.
 */
import { existsSync } from 'node:fs';
import { stagings } from '../storage/index.ts';
import type { DefaultImageAsset } from './busybox.ts';
import type { Change, LowerLayers } from './changed.ts';
import type { CommitOptions } from './commit.ts';
import type { HistoryRow } from './history.ts';
import type { ImportOptions } from './import.ts';
import type { ImageRow } from './list.ts';
import type { LoadedImage, LoadOptions } from './load.ts';
import type { PrunedImages, PruneOptions } from './prune.ts';
import type { PulledImage, PullOptions } from './pull.ts';
import type { PushedImage, PushOptions } from './push.ts';
import type { PutOptions, PutTotals } from './put.ts';
import type { Credentials } from './registry/credentials.ts';
import type { RemovedImage, RemoveImageOptions } from './remove.ts';
import type { ArchiveFormat } from './save.ts';
import type { OpenSteps } from './steps.ts';
import type { ResolvedImage } from './store.ts';
import type { WalkRecord } from './walk.ts';

/** See commit.ts. */
export async function commitImage(options: CommitOptions): Promise<ResolvedImage> {
  return (await import('./commit.ts')).commitImage(options);
}

/** See import.ts. */
export async function importImage(options: ImportOptions): Promise<ResolvedImage> {
  return (await import('./import.ts')).importImage(options);
}

/** See garbage.ts; looks at two directories when nothing is left over. */
export async function sweepStore(root: string): Promise<void> {
  if (stagings(root).abandoned.length === 0) return;
  await (await import('./garbage.ts')).sweepStore(root);
}

/** See busybox.ts. */
export async function ensureDefaultImage(
  root: string,
  asset: DefaultImageAsset,
  openSteps: OpenSteps,
): Promise<ResolvedImage> {
  return (await import('./busybox.ts')).ensureDefaultImage(root, asset, openSteps);
}

/** See layer.ts; looks at one directory a layer when all are there. */
export async function ensureLayers(root: string, image: ResolvedImage, openSteps: OpenSteps): Promise<void> {
  if (image.layers.every((directory) => existsSync(directory))) return;
  await (await import('./layer.ts')).ensureLayers(root, image, openSteps);
}

/** See filters.ts. */
export async function filteredImages(
  root: string,
  options: { reference?: string | undefined; filters?: readonly string[] | undefined } = {},
): Promise<ImageRow[]> {
  return (await import('./filters.ts')).filteredImages(root, options);
}

/** See inspect.ts. */
export async function inspectImage(root: string, text: string): Promise<Record<string, unknown>> {
  return (await import('./inspect.ts')).inspectImage(root, text);
}

/** See history.ts. */
export async function imageHistory(root: string, text: string): Promise<HistoryRow[]> {
  return (await import('./history.ts')).imageHistory(root, text);
}

/** See tag.ts. */
export async function tagImage(root: string, source: string, target: string): Promise<void> {
  await (await import('./tag.ts')).tagImage(root, source, target);
}

/** See remove.ts. */
export async function removeImage(options: RemoveImageOptions): Promise<RemovedImage> {
  return (await import('./remove.ts')).removeImage(options);
}

/** See prune.ts. */
export async function pruneImages(options: PruneOptions): Promise<PrunedImages> {
  return (await import('./prune.ts')).pruneImages(options);
}

/** See pull.ts; credentials are those of the user's own files. */
export async function pullFromRegistry(options: Omit<PullOptions, 'credentialsFor'>): Promise<PulledImage> {
  const [{ pullImage }, { credentialsFor }] = await Promise.all([
    import('./pull.ts'),
    import('./registry/credentials.ts'),
  ]);
  return pullImage({ ...options, credentialsFor });
}

/** See push.ts; credentials are those of the user's own files. */
export async function pushToRegistry(options: Omit<PushOptions, 'credentialsFor'>): Promise<PushedImage> {
  const [{ pushImage }, { credentialsFor }] = await Promise.all([
    import('./push.ts'),
    import('./registry/credentials.ts'),
  ]);
  return pushImage({ ...options, credentialsFor });
}

/** See login.ts. */
export async function loginTo(
  host: string,
  credentials: Credentials,
  options: { insecure?: boolean | undefined; signal?: AbortSignal | undefined },
): Promise<void> {
  await (await import('./login.ts')).login(host, credentials, options);
}

/** Forgets a registry's credentials; false when none were kept here. */
export async function logoutFrom(host: string): Promise<boolean> {
  return (await import('./login.ts')).logout(host);
}

/** See save.ts. */
export async function* saveImages(
  root: string,
  references: readonly string[],
  format: ArchiveFormat,
): AsyncGenerator<Buffer> {
  yield* (await import('./save.ts')).saveImages(root, references, format);
}

/** See load.ts. */
export async function loadImages(options: LoadOptions): Promise<LoadedImage[]> {
  return (await import('./load.ts')).loadImages(options);
}

/** A walked tree as a tar, taken as it is: see pack.ts. `rootName`: what its root is called there. */
export async function* packTree(walk: AsyncIterable<Buffer>, rootName?: string): AsyncGenerator<Buffer> {
  yield* (await import('./pack.ts')).packWalk(walk, 'tree', rootName);
}

/** The records of a walk without content: see walk.ts. */
export async function* walkRecords(walk: AsyncIterable<Buffer>): AsyncGenerator<WalkRecord> {
  for await (const { record } of (await import('./walk.ts')).readWalk(walk)) yield record;
}

/** What an upper directory changes of the layers below it: see changed.ts. */
export async function changedPaths(walk: AsyncIterable<Buffer>, lower: LowerLayers): Promise<Change[]> {
  return (await import('./changed.ts')).changedPaths(walk, lower);
}

/** See put.ts. */
export async function putTree(options: PutOptions): Promise<PutTotals> {
  return (await import('./put.ts')).putTree(options);
}
