import { closeSync, openSync, read } from 'node:fs';
import { errnoNumber, errnoOf, errnoWords, MydockerError, sleep } from '../base/index.ts';
import {
  claimDownload,
  type Digest,
  dropPart,
  findWhole,
  finishDownload,
  partPath,
  releaseDownload,
} from '../storage/index.ts';
import { Part } from './part.ts';
import type { RegistryClient } from './registry/client.ts';
import { ConnectionError } from './registry/http.ts';

const POLL_MS = 100;
const READ_BYTES = 512 * 1024;

/** What was read so far was not this blob: it comes again from its first byte. */
export class Restarted extends Error {}

/** One blob to be fetched. `onBytes` hears how many of them are there. */
export interface DownloadOptions {
  root: string;
  client: RegistryClient;
  /** "library/busybox". */
  repository: string;
  digest: Digest;
  sizeBytes: number;
  signal: AbortSignal;
  /**
   * Blobs this pull alone may write. One that is whole stays in it until its image is entered, so that a prune
   * leaves it: the caller releases them.
   */
  held: Set<Digest>;
  onBytes: (doneBytes: number, note?: string) => void;
}

/**
 * A blob that is being fetched and can be read meanwhile. Resumes what an earlier command left, checks the digest
 * as it comes. Two processes that want one blob share one download.
 */
export class Download {
  /** Settles when the blob is whole and right, or cannot be had. */
  readonly done: Promise<void>;
  private onDisk = 0;
  private restarts = 0;
  private isThere = false;
  private isOver = false;
  private failure: unknown;
  private waiting: Array<() => void> = [];

  constructor(private readonly options: DownloadOptions) {
    this.done = this.fetch().then(
      () => this.end(undefined),
      (error: unknown) => {
        this.end(error);
        throw error;
      },
    );
    // Somebody awaits it later; until then a failure is not unheard of.
    this.done.catch(() => {});
  }

  /** The blob's bytes from the first, as they arrive. Throws Restarted, or what the download failed of. */
  async *follow(): AsyncGenerator<Buffer> {
    while (!this.isThere && !this.isOver) await this.change();
    if (this.failure !== undefined) throw this.failure;
    const { restarts } = this;
    const { root, digest } = this.options;
    // It may have got its last name meanwhile.
    const fd = openSync(findWhole(root, digest) ?? partPath(root, digest), 'r');
    try {
      for (let at = 0; ; ) {
        if (this.restarts !== restarts) throw new Restarted();
        if (this.failure !== undefined) throw this.failure;
        if (at >= this.onDisk) {
          if (this.isOver) return;
          await this.change();
          continue;
        }
        const chunk = await readAt(fd, at, Math.min(READ_BYTES, this.onDisk - at));
        if (chunk.length === 0 && this.restarts === restarts) throw cut(this.options.digest);
        at += chunk.length;
        yield chunk;
      }
    } finally {
      closeSync(fd);
    }
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private wake(): void {
    const list = this.waiting;
    this.waiting = [];
    for (const go of list) go();
  }

  private end(failure: unknown): void {
    this.failure = failure;
    this.isOver = true;
    this.wake();
  }

  private arrived(bytes: number): void {
    this.onDisk = bytes;
    this.options.onBytes(bytes);
    this.wake();
  }

  private async fetch(): Promise<void> {
    const { root, digest, sizeBytes, signal, held, onBytes } = this.options;
    for (;;) {
      signal.throwIfAborted();
      const whole = findWhole(root, digest);
      if (whole !== undefined) {
        this.isThere = true;
        return this.arrived(sizeBytes);
      }
      if (held.has(digest)) break;
      if (claimDownload(root, digest)) {
        if (findWhole(root, digest) === undefined) break;
        releaseDownload(root, digest);
        continue;
      }
      onBytes(0, 'another command downloads it');
      await sleep(POLL_MS, signal);
    }
    held.add(digest);
    try {
      await this.write();
    } catch (error) {
      held.delete(digest);
      releaseDownload(root, digest);
      throw error;
    }
  }

  private async write(): Promise<void> {
    const { root, digest, client, sizeBytes } = this.options;
    const fd = openSync(partPath(root, digest), 'a+', 0o600);
    this.isThere = true;
    const part = new Part(fd, sizeBytes);
    try {
      const resumed = part.takeUp();
      this.arrived(part.length);
      let most = part.length;
      // Only bytes that were not there before count as getting on: a server may give the first ones for ever.
      const isFurther = (): boolean => {
        const further = part.length > most;
        most = Math.max(most, part.length);
        return further;
      };
      const fetchRest = (): Promise<void> => client.retrying(() => this.receive(part), isFurther);
      await fetchRest();
      if (part.digest() !== digest && resumed) {
        // The bytes of an earlier command may be what is wrong.
        this.restart(part);
        await fetchRest();
      }
      const found = part.digest();
      if (found !== digest) {
        throw new MydockerError(
          'BAD_DIGEST',
          `the registry ${client.host} gave other bytes than ${digest}: they are ${found}`,
          {
            subject: digest,
            remedy: 'try again; if it stays so, the image or a proxy on the way is damaged',
          },
        );
      }
      finishDownload(root, digest);
    } catch (error) {
      const errno = errnoOf(error);
      const isDisk =
        errno !== undefined && errnoNumber(errno) !== undefined && !(error instanceof ConnectionError);
      if (isDisk || (error instanceof MydockerError && error.code === 'BAD_DIGEST')) dropPart(root, digest);
      if (isDisk) throw diskError(root, errno, error);
      throw error;
    } finally {
      closeSync(fd);
    }
  }

  private restart(part: Part): void {
    part.reset();
    this.restarts++;
    this.arrived(0);
  }

  private async receive(part: Part): Promise<void> {
    const { client, repository, digest, sizeBytes } = this.options;
    if (part.length >= sizeBytes) return;
    const answer = await client.once({
      method: 'GET',
      path: `/v2/${repository}/blobs/${digest}`,
      scope: `repository:${repository}:pull`,
      headers: part.length > 0 ? { range: `bytes=${part.length}-` } : {},
      accept: [200, 206, 416],
    });
    if (answer.status === 416) {
      answer.discard();
      this.restart(part);
      throw new ConnectionError('it does not give the rest of a layer', 'EPROTO', true);
    }
    const from =
      answer.status === 206 ? Number(/^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '')?.[1]) : 0;
    if (from !== part.length) {
      if (from !== 0) {
        answer.discard();
        this.restart(part);
        throw new ConnectionError('it gave another part of a layer than was asked for', 'EPROTO', true);
      }
      this.restart(part);
    }
    for await (const chunk of answer.body()) {
      if (part.length + chunk.length > sizeBytes) throw tooLong(client.host, digest, sizeBytes);
      part.append(chunk);
      this.arrived(part.length);
    }
    if (part.length < sizeBytes) {
      throw new ConnectionError(
        `a layer ended after ${part.length} of ${sizeBytes} bytes`,
        'ECONNRESET',
        true,
      );
    }
  }
}

function readAt(fd: number, position: number, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    read(fd, Buffer.allocUnsafe(length), 0, length, position, (error, bytes, buffer) => {
      if (error === null) resolve(buffer.subarray(0, bytes));
      else reject(error);
    });
  });
}

function cut(digest: Digest): Error {
  return new MydockerError('DOWNLOAD_LOST', `the download of ${digest} was cut short by somebody else`, {
    subject: digest,
    remedy: 'try again',
  });
}

function tooLong(host: string, digest: Digest, sizeBytes: number): MydockerError {
  return new MydockerError(
    'BAD_DIGEST',
    `the registry ${host} gives more than the ${sizeBytes} bytes of ${digest}`,
    {
      subject: digest,
      remedy: 'the image or a proxy on the way is damaged',
    },
  );
}

function diskError(root: string, errno: string, cause: unknown): MydockerError {
  const words = errnoWords(errnoNumber(errno) ?? 0);
  return new MydockerError('STORE_WRITE', `cannot write to the image store ${root}/downloads: ${words}`, {
    errno,
    subject: `${root}/downloads`,
    remedy:
      errno === 'ENOSPC' ? 'free some space there, or use --root' : 'check that directory, or use --root',
    cause,
  });
}
