import { createHash, type Hash } from 'node:crypto';
import { fstatSync, ftruncateSync, readSync, writeSync } from 'node:fs';
import type { Digest } from '../storage/index.ts';

const READ_BYTES = 512 * 1024;

/** The file of a part, and the digest of what is in it. */
export class Part {
  length = 0;
  private hash: Hash = createHash('sha256');

  constructor(
    private readonly fd: number,
    private readonly sizeBytes: number,
  ) {}

  /** Takes up what is there already; true when there was something. */
  takeUp(): boolean {
    const { size } = fstatSync(this.fd);
    if (size > this.sizeBytes) this.reset();
    else {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (;;) {
        const n = readSync(this.fd, buffer, 0, READ_BYTES, this.length);
        if (n === 0) break;
        this.hash.update(buffer.subarray(0, n));
        this.length += n;
      }
    }
    return this.length > 0;
  }

  append(chunk: Buffer): void {
    this.hash.update(chunk);
    for (let done = 0; done < chunk.length; ) done += writeSync(this.fd, chunk, done);
    this.length += chunk.length;
  }

  reset(): void {
    ftruncateSync(this.fd, 0);
    this.hash = createHash('sha256');
    this.length = 0;
  }

  digest(): Digest {
    return `sha256:${this.hash.copy().digest('hex')}`;
  }
}
