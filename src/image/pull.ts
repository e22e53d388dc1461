import { MydockerError } from '../base/index.ts';
import {
  adoptDownloads,
  type ChainId,
  chainIdsOf,
  type Digest,
  digestOf,
  dropAdopted,
  hasBlob,
  hasLayer,
  type ManifestDigest,
  putBlob,
  readBlob,
  releaseDownload,
} from '../storage/index.ts';
import { DownloadQueue, type Pull } from './download-queue.ts';
import { digestReference, enterImage, REGISTRY_DIGEST } from './enter.ts';
import { badManifest, blobsOf, MAX_CONFIG_BYTES, parseImageConfig } from './foreign.ts';
import { type Leftovers, sweepStore, undoAndThrow, whileStoring } from './garbage.ts';
import type { Descriptor, ImageFile } from './manifest.ts';
import type { Platform } from './platform.ts';
import type { OnProgress } from './progress.ts';
import { canonicalName, parseReference, type Reference } from './reference.ts';
import type { RegistryConfig } from './registry/config.ts';
import type { Credentials } from './registry/credentials.ts';
import { checkPlatform, findRemote, type RemoteImage } from './remote.ts';
import type { OpenSteps } from './steps.ts';
import { type ResolvedImage, resolveEntry, resolveImage } from './store.ts';

/** What `pull` takes. */
export interface PullOptions {
  root: string;
  /** "busybox", "localhost:5000/team/app:v1", "name@sha256:…". */
  reference: string;
  /** Default: this machine's. */
  platform?: Platform | undefined;
  /** Plain HTTP and unknown certificates are taken. */
  insecure?: boolean | undefined;
  config: RegistryConfig;
  credentialsFor: (host: string) => Credentials | undefined;
  openSteps: OpenSteps;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** A pulled image. */
export interface PulledImage {
  image: ResolvedImage;
  /** What the registry calls it: the digest of an index, or of the manifest. */
  digest: Digest;
  /** False when the same image was here under the same name. */
  isNew: boolean;
  /** "docker.io/library/busybox:latest", or with "@sha256:…" when it was asked for by digest. */
  fullName: string;
}

/** A removal by somebody else may take what we found in the store: then once more. */
const MAX_ROUNDS = 4;

/**
 * Fetches an image from a registry and unpacks it. It is in the store whole or not at all; what was fetched of it
 * when something went wrong stays below downloads/, and the next pull goes on there. Throws MydockerError.
 */
export async function pullImage(options: PullOptions): Promise<PulledImage> {
  const reference = parseReference(options.reference);
  const remote = await findRemote(options, reference);
  const name = canonicalName(reference);
  const before = reference.digest === undefined ? resolveImage(options.root, name) : undefined;
  const pulled = await whileStoring(options.root, () => store(options, remote, reference));
  await sweepStore(options.root);
  const fullName =
    reference.digest === undefined ? name : `${reference.domain}/${reference.path}@${reference.digest}`;
  return { ...pulled, fullName, isNew: before?.manifestDigest !== pulled.image.manifestDigest };
}

async function store(
  options: PullOptions,
  remote: RemoteImage,
  reference: Reference,
): Promise<{ image: ResolvedImage; digest: Digest }> {
  const { root } = options;
  const abort = new AbortController();
  const stop = (): void => abort.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', stop, { once: true });
  const pull: Pull = {
    root,
    client: remote.client,
    repository: remote.repository,
    parallel: options.config.parallelDownloads,
    openSteps: options.openSteps,
    onProgress: options.onProgress,
    signal: options.signal,
    abort,
    held: new Set(),
  };
  const leftovers: Leftovers = { blobs: [], chainIds: [] };
  try {
    const file = await fetchConfig(pull, remote, options.reference);
    if (remote.topDigest === remote.digest) checkPlatform(options, file);
    const chainIds = chainIdsOf(file.rootfs.diff_ids);
    leftovers.blobs.push(...blobsOf(remote.manifest), remote.digest);
    leftovers.chainIds.push(...chainIds.filter((chainId) => !hasLayer(root, chainId)));
    const blobs = remote.manifest.layers.map(({ digest }) => digest);
    for (let round = 1; ; round++) {
      await fetchLayers(pull, remote.manifest.layers, file, chainIds);
      adoptDownloads(root, blobs);
      putBlob(root, remote.configBytes ?? '', { sync: true });
      putBlob(root, remote.bytes, { sync: true });
      const entry = {
        mediaType: remote.mediaType,
        digest: remote.digest as ManifestDigest,
        size: remote.bytes.length,
        annotations: { [REGISTRY_DIGEST]: digestReference(reference, remote.topDigest) },
      };
      const needs = { blobs: [...blobsOf(remote.manifest), remote.digest], chainIds };
      const entered = await enterImage({ root, entry, references: [nameOnly(reference)].flat(), needs });
      if (entered !== undefined) {
        dropAdopted(root, blobs);
        return { image: resolveEntry(root, entered), digest: remote.topDigest };
      }
      if (round === MAX_ROUNDS)
        throw badManifest(options.reference, 'other commands keep removing its layers');
    }
  } catch (error) {
    abort.abort(error);
    return await undoAndThrow(root, leftovers, error);
  } finally {
    for (const digest of pull.held) releaseDownload(root, digest);
    options.signal?.removeEventListener('abort', stop);
  }
}

/** "name:tag@digest" is stored as name:tag; "name@digest" has no tag to be found under. */
function nameOnly(reference: Reference): Reference[] {
  const { digest, ...named } = reference;
  return digest !== undefined && reference.tag === undefined ? [] : [named];
}

async function fetchConfig(pull: Pull, remote: RemoteImage, name: string): Promise<ImageFile> {
  const { root, client, repository } = pull;
  const { digest, size } = remote.manifest.config;
  const path = `/v2/${repository}/blobs/${digest}`;
  const scope = `repository:${repository}:pull`;
  const bytes = hasBlob(root, digest)
    ? readBlob(root, digest)
    : await client.retrying(async () => {
        const answer = await client.once({ method: 'GET', path, scope, accept: [200] });
        return answer.bytes(MAX_CONFIG_BYTES);
      });
  if (digestOf(bytes) !== digest || bytes.length !== size) {
    throw new MydockerError('BAD_DIGEST', `the registry ${client.host} gave another config than ${digest}`, {
      subject: digest,
      remedy: 'try again; if it stays so, the image or a proxy on the way is damaged',
    });
  }
  remote.configBytes = bytes;
  return parseImageConfig(bytes, remote.manifest.layers.length, name);
}

/** Downloads side by side, unpacks in order, each layer while it and the next ones arrive. */
async function fetchLayers(
  pull: Pull,
  layers: readonly Descriptor[],
  file: ImageFile,
  chainIds: readonly ChainId[],
): Promise<void> {
  const { root } = pull;
  const queue = new DownloadQueue(pull);
  for (const layer of layers) queue.add(layer);
  queue.start();
  try {
    for (const [i, chainId] of chainIds.entries()) {
      const [layer, diffId] = [layers[i], file.rootfs.diff_ids[i]];
      if (layer === undefined || diffId === undefined) continue;
      if (hasLayer(root, chainId)) continue;
      await queue.unpack(layer, { diffId, chainId, lower: chainIds.slice(0, i) });
    }
    await queue.finish();
  } catch (error) {
    // The others stop first: what they hold is kept for the next pull.
    pull.abort.abort(error);
    await queue.settled();
    throw queue.cause(error);
  }
}
