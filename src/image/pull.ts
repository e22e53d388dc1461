import { MydockerError } from '../base/index.ts';
import {
  adoptDownloads,
  type ChainId,
  chainIdsOf,
  type Digest,
  digestOf,
  dropAdopted,
  findWhole,
  hasLayer,
  hexOf,
  type ImageId,
  type ManifestDigest,
  putBlob,
  syncFile,
} from '../storage/index.ts';
import { Download, Restarted } from './download.ts';
import { digestReference, enterImage, REGISTRY_DIGEST } from './enter.ts';
import { badManifest, blobsOf, MAX_CONFIG_BYTES, parseImageConfig } from './foreign.ts';
import { type Leftovers, sweepStore, undoAndThrow, whileStoring } from './garbage.ts';
import { unpackCompressed } from './layer.ts';
import type { Descriptor, ImageFile } from './manifest.ts';
import type { Platform } from './platform.ts';
import type { OnProgress } from './progress.ts';
import { canonicalName, parseReference, type Reference } from './reference.ts';
import type { RegistryClient } from './registry/client.ts';
import type { RegistryConfig } from './registry/config.ts';
import type { Credentials } from './registry/credentials.ts';
import { findRemote, type RemoteImage } from './remote.ts';
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
}

/** A removal by somebody else may take what we found in the store: then once more. */
const MAX_ROUNDS = 4;

/** Everything about one pull that its parts share. */
interface Pull {
  options: PullOptions;
  client: RegistryClient;
  repository: string;
  /** Ends all downloads when one thing fails. */
  abort: AbortController;
}

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
  return { ...pulled, isNew: before?.manifestDigest !== pulled.image.manifestDigest };
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
  const pull: Pull = { options, client: remote.client, repository: remote.repository, abort };
  const leftovers: Leftovers = { blobs: [], chainIds: [] };
  try {
    const file = await fetchConfig(pull, remote);
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
    options.signal?.removeEventListener('abort', stop);
  }
}

/** "name:tag@digest" is stored as name:tag; "name@digest" has no tag to be found under. */
function nameOnly(reference: Reference): Reference[] {
  const { digest, ...named } = reference;
  return digest !== undefined && reference.tag === undefined ? [] : [named];
}

async function fetchConfig(pull: Pull, remote: RemoteImage): Promise<ImageFile> {
  const { client, repository, options } = pull;
  const { digest, size } = remote.manifest.config;
  const bytes = await client.retrying(async () => {
    const answer = await client.call({
      method: 'GET',
      path: `/v2/${repository}/blobs/${digest}`,
      scope: `repository:${repository}:pull`,
      accept: [200],
    });
    return answer.bytes(MAX_CONFIG_BYTES);
  });
  if (digestOf(bytes) !== digest || bytes.length !== size) {
    throw new MydockerError('BAD_DIGEST', `the registry ${client.host} gave another config than ${digest}`, {
      subject: digest,
      remedy: 'try again; if it stays so, the image or a proxy on the way is damaged',
    });
  }
  remote.configBytes = bytes;
  const file = parseImageConfig(bytes, remote.manifest.layers.length, options.reference);
  return file;
}

/** Downloads side by side, unpacks in order, each layer while it and the next ones arrive. */
async function fetchLayers(
  pull: Pull,
  layers: readonly Descriptor[],
  file: ImageFile,
  chainIds: readonly ChainId[],
): Promise<void> {
  const { root } = pull.options;
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

/** The downloads of one pull, so many at a time, lowest layer first. */
class DownloadQueue {
  private readonly waiting: Descriptor[] = [];
  private readonly downloads = new Map<Digest, Download>();
  private readonly starters = new Map<Digest, () => void>();
  private readonly begun = new Map<Digest, Promise<void>>();
  private readonly synced: Array<Promise<void>> = [];
  private failure: { error: unknown } | undefined;

  constructor(private readonly pull: Pull) {}

  add(layer: Descriptor): void {
    if (this.begun.has(layer.digest)) return;
    this.waiting.push(layer);
    this.begun.set(layer.digest, new Promise((resolve) => this.starters.set(layer.digest, resolve)));
    if (findWhole(this.pull.options.root, layer.digest) === undefined) this.say(layer, { status: 'waiting' });
  }

  start(): void {
    for (let i = 0; i < this.pull.options.config.parallelDownloads; i++) this.next();
  }

  private next(): void {
    const layer = this.waiting.shift();
    if (layer === undefined || this.pull.abort.signal.aborted) return;
    const { options, client, repository, abort } = this.pull;
    const { digest, size } = layer;
    const isHere = findWhole(options.root, digest) !== undefined;
    const download = new Download({
      root: options.root,
      client,
      repository,
      digest,
      sizeBytes: size,
      signal: abort.signal,
      onBytes: (doneBytes, note) => {
        if (!isHere)
          this.say(layer, { status: 'downloading', doneBytes, ...(note === undefined ? {} : { note }) });
      },
    });
    this.downloads.set(digest, download);
    this.starters.get(digest)?.();
    download.done.then(
      () => {
        if (isHere) this.say(layer, { status: 'exists' });
        const path = findWhole(options.root, digest);
        if (path !== undefined && !isHere) this.synced.push(syncFile(path));
        this.next();
      },
      (error: unknown) => {
        this.failure ??= { error };
        abort.abort(error);
      },
    );
  }

  private say(
    layer: Descriptor,
    what: {
      status: 'waiting' | 'downloading' | 'exists' | 'extracting' | 'done';
      doneBytes?: number;
      note?: string;
    },
  ): void {
    const id = hexOf(layer.digest).slice(0, 12);
    this.pull.options.onProgress?.({ kind: 'layer', id, totalBytes: layer.size, ...what });
  }

  private async begin(digest: Digest): Promise<Download> {
    const aborted = new Promise<never>((_, reject) => {
      const { signal } = this.pull.abort;
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {});
    await Promise.race([this.begun.get(digest), aborted]);
    const download = this.downloads.get(digest);
    if (download === undefined) throw this.pull.abort.signal.reason;
    return download;
  }

  async unpack(
    layer: Descriptor,
    into: { diffId: ImageFile['rootfs']['diff_ids'][number]; chainId: ChainId; lower: readonly ChainId[] },
  ): Promise<void> {
    const { root, openSteps } = this.pull.options;
    const download = await this.begin(layer.digest);
    for (;;) {
      let read = 0;
      const say = (bytes: number): void => {
        read += bytes;
        if (findWhole(root, layer.digest) !== undefined)
          this.say(layer, { status: 'extracting', doneBytes: read });
      };
      try {
        await unpackCompressed({ root, compressed: counted(download.follow(), say), openSteps, ...into });
        break;
      } catch (error) {
        if (!(error instanceof Restarted)) throw error;
      }
    }
    await download.done;
    this.say(layer, { status: 'done' });
  }

  async finish(): Promise<void> {
    for (const digest of this.begun.keys()) await (await this.begin(digest)).done;
    await Promise.all(this.synced);
  }

  async settled(): Promise<void> {
    await Promise.allSettled([...this.downloads.values()].map(({ done }) => done));
    await Promise.allSettled(this.synced);
  }

  /** Why it failed: what stopped a download counts more than what that led to. */
  cause(error: unknown): unknown {
    const { signal } = this.pull.options;
    if (signal?.aborted === true) return signal.reason;
    return this.failure?.error ?? error;
  }
}

async function* counted(
  source: AsyncIterable<Buffer>,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    count(chunk.length);
    yield chunk;
  }
}

/** The id of an image of the store: for those who compare. */
export type { ImageId };
