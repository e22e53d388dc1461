import { excerpt, MydockerError } from '../base/index.ts';
import { BlobWriter, type Digest, hasBlob } from '../storage/index.ts';
import { beyondLimit, type LayerLimits } from './limits.ts';
import type { Descriptor } from './manifest.ts';
import type { TarEntry } from './tar-entry.ts';
import type { TarVisitor } from './tar-read.ts';

/** Files that say what is in the archive; all others become blobs. */
const TABLES = ['manifest.json', 'index.json', 'oci-layout', 'repositories'];
const MAX_TABLE_BYTES = 8 * 1024 * 1024;
const MAX_FILES = 100_000;
const MAX_LINKS = 40;
const ZEROS = Buffer.alloc(64 * 1024);

/** The error for what is no archive of images. */
export function badArchive(why: string): MydockerError {
  return new MydockerError('BAD_ARCHIVE', `cannot load the archive: ${why}`, {
    remedy: 'give a file that "mydocker save", "docker save" or "skopeo copy" wrote',
  });
}

/** The files of an archive, as it is read from its first byte to its last. */
export class ArchiveFiles implements TarVisitor {
  readonly tables = new Map<string, Buffer>();
  private readonly blobs = new Map<string, Descriptor>();
  private readonly links = new Map<string, string>();
  private count = 0;
  private bytes = 0;
  private path = '';
  private table: Buffer[] | undefined;
  private tableBytes = 0;
  private writing: BlobWriter | undefined;

  constructor(
    private readonly root: string,
    private readonly written: Digest[],
    private readonly limits: LayerLimits,
  ) {}

  entry({ name, type, linkName, size }: TarEntry): void {
    if (++this.count > MAX_FILES) throw badArchive(`it holds more than ${MAX_FILES} files`);
    this.bytes += size;
    // A sparse file is kept whole: its holes cost nothing in the archive, and everything on the disk.
    if (this.bytes > this.limits.maxBytes) {
      throw beyondLimit(`its files hold more than ${this.limits.maxBytes} bytes`, 'MYDOCKER_MAX_LAYER_BYTES');
    }
    const path = clean(name);
    this.path = path;
    if (type === 'symlink')
      this.links.set(path, clean(`${path.split('/').slice(0, -1).join('/')}/${linkName}`));
    else if (type === 'link') this.links.set(path, clean(linkName));
    if (type !== 'file') return;
    if (TABLES.includes(path)) this.table = [];
    else this.writing = new BlobWriter(this.root, { sync: true });
  }

  data(chunk: Buffer): void {
    if (this.table === undefined) {
      this.writing?.write(chunk);
      return;
    }
    this.tableBytes += chunk.length;
    if (this.tableBytes > MAX_TABLE_BYTES) {
      throw badArchive(`its ${this.path} has more than ${MAX_TABLE_BYTES} bytes`);
    }
    this.table.push(Buffer.from(chunk));
  }

  hole(bytes: number): void {
    for (let left = bytes; left > 0; left -= ZEROS.length)
      this.data(ZEROS.subarray(0, Math.min(left, ZEROS.length)));
  }

  end(): void {
    if (this.table !== undefined) this.tables.set(this.path, Buffer.concat(this.table));
    const { writing: blob } = this;
    this.table = undefined;
    this.tableBytes = 0;
    this.writing = undefined;
    if (blob !== undefined) this.keep(blob);
  }

  /** Lets go of a file that is not whole. */
  abort(): void {
    this.writing?.abort();
  }

  private keep(blob: BlobWriter): void {
    try {
      const { sizeBytes: size } = blob;
      const digest = blob.finish((found) => {
        // Known already: then it is not ours to remove.
        if (!hasBlob(this.root, found)) this.written.push(found);
      });
      this.blobs.set(this.path, { mediaType: '', digest, size });
      const said = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(this.path)?.[1];
      if (said === undefined || digest === `sha256:${said}`) return;
      throw new MydockerError('BAD_DIGEST', `cannot load the archive: ${this.path} holds ${digest}`, {
        subject: this.path,
        remedy: 'the archive is damaged: make it again',
      });
    } finally {
      blob.abort();
    }
  }

  /** The blob of a path, through the links of the archive. */
  blob(path: string, what: string): Descriptor {
    let at = clean(path);
    for (let hops = 0; ; hops++) {
      const found = this.blobs.get(at);
      if (found !== undefined) return found;
      const next = this.links.get(at);
      if (next === undefined || hops > MAX_LINKS) throw badArchive(`it lacks ${what} "${excerpt(path)}"`);
      at = next;
    }
  }
}

/** "./a//b" and "a/x/../b" are "a/b". Nothing is written under these names. */
function clean(name: string): string {
  const parts: string[] = [];
  for (const part of name.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}
