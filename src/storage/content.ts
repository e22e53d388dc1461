import type { Hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { builtin, errnoNumber, errnoOf, errnoWords, MydockerError } from '../base/index.ts';
import { type Digest, hexOf } from './digest.ts';
import { stagingName } from './owner.ts';

/*
 * The content store is an OCI image layout (image-spec image-layout.md), so that other tools can read it:
 *
 *   <root>/images/oci-layout            {"imageLayoutVersion":"1.0.0"}
 *   <root>/images/index.json            one descriptor for each name of each image: see content-index.ts
 *   <root>/images/blobs/sha256/<hex>    manifests, configs and layers, named by their digest
 *   <root>/images/.tmp-<owner>-<random> a blob that is being written
 */

/** <root>/images. */
export function imagesDir(root: string): string {
  return `${root}/images`;
}

/** The file of one blob. The digest's form was checked when it was made: see isDigest. */
export function blobPath(root: string, digest: Digest): string {
  return `${root}/images/blobs/sha256/${hexOf(digest)}`;
}

/** Creates the layout's directories and its marker; idempotent. */
export function createContentStore(root: string): void {
  const marker = `${imagesDir(root)}/oci-layout`;
  if (existsSync(marker)) return;
  mkdirSync(`${imagesDir(root)}/blobs/sha256`, { recursive: true, mode: 0o700 });
  const staging = `${imagesDir(root)}/${stagingName()}`;
  writeFileSync(staging, '{"imageLayoutVersion":"1.0.0"}\n');
  renameSync(staging, marker);
}

/** True when the blob is there. Its bytes were verified when it was written. */
export function hasBlob(root: string, digest: Digest): boolean {
  return existsSync(blobPath(root, digest));
}

/** What `read` does with a blob's file. Throws MydockerError MISSING_BLOB when the store lacks it. */
function ofBlob<T>(root: string, digest: Digest, read: (path: string) => T): T {
  try {
    return read(blobPath(root, digest));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new MydockerError('MISSING_BLOB', `the image store lacks the blob ${digest}`, {
      subject: blobPath(root, digest),
      remedy: 'remove the image with "mydocker rmi -f" and import it again',
      cause: error,
    });
  }
}

/** A blob's bytes. Throws MISSING_BLOB. */
export function readBlob(root: string, digest: Digest): Buffer {
  return ofBlob(root, digest, (path) => readFileSync(path));
}

/** Bytes of a blob on the disk. Throws MISSING_BLOB. */
export function blobBytes(root: string, digest: Digest): number {
  return ofBlob(root, digest, (path) => statSync(path).size);
}

/** Digests of all blobs. */
export function listBlobs(root: string): Digest[] {
  return readdirSync(`${imagesDir(root)}/blobs/sha256`)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((hex): Digest => `sha256:${hex}`);
}

/** Deletes a blob; it is no error when it is gone already. */
export function removeBlob(root: string, digest: Digest): void {
  rmSync(blobPath(root, digest), { force: true });
}

/** Carries out a change of the store; a full or read-only disk gives one plain sentence. */
function changing<T>(root: string, change: () => T): T {
  try {
    return change();
  } catch (error) {
    const errno = errnoOf(error);
    const number = errno === undefined ? undefined : errnoNumber(errno);
    if (number === undefined) throw error;
    throw new MydockerError(
      'STORE_WRITE',
      `cannot write to the image store ${imagesDir(root)}: ${errnoWords(number)}`,
      {
        errno,
        subject: imagesDir(root),
        remedy:
          errno === 'ENOSPC' ? 'free some space there, or use --root' : 'check that directory, or use --root',
        cause: error,
      },
    );
  }
}

/**
 * One blob being written. It appears under its digest when finish() returns, or not at all.
 * With `sync` the bytes are on the disk before the name is.
 */
export class BlobWriter {
  private readonly fd: number;
  private readonly hash: Hash = builtin('node:crypto').createHash('sha256');
  private readonly staging: string;
  private open = true;
  sizeBytes = 0;

  constructor(
    private readonly root: string,
    private readonly options: { sync?: boolean } = {},
  ) {
    this.staging = `${imagesDir(root)}/${stagingName()}`;
    this.fd = changing(root, () => {
      createContentStore(root);
      return openSync(this.staging, 'wx', 0o644);
    });
  }

  /** Appends bytes. */
  write(data: Uint8Array): void {
    this.hash.update(data);
    this.sizeBytes += data.length;
    changing(this.root, () => {
      for (let done = 0; done < data.length; ) done += writeSync(this.fd, data, done);
    });
  }

  /** Gives the blob its name, told to `naming` before. Idempotent towards a blob of the same content. */
  finish(naming: (digest: Digest) => void = () => {}): Digest {
    const digest: Digest = `sha256:${this.hash.digest('hex')}`;
    naming(digest);
    changing(this.root, () => {
      if (this.options.sync === true) fsyncSync(this.fd);
      this.close();
      renameSync(this.staging, blobPath(this.root, digest));
    });
    return digest;
  }

  /** Drops what was written; does nothing after finish(). */
  abort(): void {
    if (!this.open) return;
    this.close();
    rmSync(this.staging, { force: true });
  }

  private close(): void {
    this.open = false;
    closeSync(this.fd);
  }
}

/** Stores some bytes; gives their digest. Atomic. `sync`: on the disk before it returns. */
export function putBlob(root: string, data: Uint8Array | string, options: { sync?: boolean } = {}): Digest {
  const writer = new BlobWriter(root, options);
  try {
    writer.write(typeof data === 'string' ? Buffer.from(data) : data);
    return writer.finish();
  } finally {
    writer.abort();
  }
}
