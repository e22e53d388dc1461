import { type ChainId, type Digest, findWhole, hexOf, syncFile } from '../storage/index.ts';
import { Download, Restarted } from './download.ts';
import { unpackCompressed } from './layer.ts';
import type { Descriptor, ImageFile } from './manifest.ts';
import type { LayerStatus, OnProgress } from './progress.ts';
import type { RegistryClient } from './registry/client.ts';
import type { OpenSteps } from './steps.ts';

/** What the parts of one pull share. */
export interface Pull {
  root: string;
  client: RegistryClient;
  repository: string;
  parallel: number;
  openSteps: OpenSteps;
  onProgress: OnProgress | undefined;
  /** The caller's own. */
  signal: AbortSignal | undefined;
  /** See DownloadOptions. */
  held: Set<Digest>;
  /** Ends all downloads when one thing fails. */
  abort: AbortController;
}

/** The downloads of one pull, so many at a time, lowest layer first. */
export class DownloadQueue {
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
    if (findWhole(this.pull.root, layer.digest) === undefined) this.say(layer, { status: 'waiting' });
  }

  start(): void {
    for (let i = 0; i < this.pull.parallel; i++) this.next();
  }

  private next(): void {
    const layer = this.waiting.shift();
    if (layer === undefined || this.pull.abort.signal.aborted) return;
    const { root, client, repository, abort, held } = this.pull;
    const { digest, size } = layer;
    const isHere = findWhole(root, digest) !== undefined;
    const download = new Download({
      root,
      client,
      repository,
      digest,
      sizeBytes: size,
      signal: abort.signal,
      held,
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
        const path = findWhole(root, digest);
        if (path !== undefined && !isHere) this.synced.push(syncFile(path));
        this.next();
      },
      (error: unknown) => {
        this.failure ??= { error };
        abort.abort(error);
      },
    );
  }

  private say(layer: Descriptor, what: { status: LayerStatus; doneBytes?: number; note?: string }): void {
    const id = hexOf(layer.digest).slice(0, 12);
    this.pull.onProgress?.({ kind: 'layer', id, totalBytes: layer.size, ...what });
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
    const { root, openSteps } = this.pull;
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
    const { signal } = this.pull;
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
