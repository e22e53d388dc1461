import { excerpt } from '../base/index.ts';
import { type Action, PUT, type Step } from '../plan/index.ts';
import { badLayer } from './bad-layer.ts';
import { decompressed } from './decompress.ts';
import { cleanParts } from './layer-names.ts';
import { isAllowedXattr } from './layer-steps.ts';
import { type OpenSteps, StepBatch } from './steps.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader, type TarVisitor } from './tar-read.ts';

/*
 * A tar goes into a tree that is there already, as `cp` does it: a directory is merged with the one that stands there, any
 * other file takes the place of the old one. The tree may be in use, so nothing is assumed of it: native/put.c looks.
 */

/** Bytes of content in one step; well below what the shim takes. */
const CONTENT_BYTES = 256 * 1024;
const S_IFMT = { fifo: 0o010000, 'character-device': 0o020000, 'block-device': 0o060000 } as const;

/** What `putTree` takes. */
export interface PutOptions {
  /** Plain, or compressed with gzip or zstd. */
  tar: AsyncIterable<Buffer>;
  /** Steps that open the directory it goes into as `slot`. */
  enter: readonly Step[];
  slot: number;
  openSteps: OpenSteps;
  /** Links of the tree on the way to a name are followed: only where the process is confined to it. */
  followLinks: boolean;
  /** A directory may take the place of another file, and the other way round. */
  replace: boolean;
  /** Whose everything shall be; undefined: as the archive says. */
  owner: { uid: number; gid: number } | undefined;
  onProgress?: ((totals: PutTotals) => void) | undefined;
}

/** What was put. */
export interface PutTotals {
  entries: number;
  /** Content of files. */
  bytes: number;
}

/** Decides the steps of each entry. */
class TreePutter implements TarVisitor {
  readonly totals: PutTotals = { entries: 0, bytes: 0 };
  private readonly directories = new Map<string, TarEntry>();
  private after: Action[] = [];
  private hasContent = false;

  constructor(
    private readonly batch: StepBatch,
    private readonly options: PutOptions,
  ) {}

  isFull(): boolean {
    return this.batch.isFull;
  }

  entry(entry: TarEntry): void {
    const parts = cleanParts(entry.name);
    this.after = [];
    this.hasContent = false;
    this.totals.entries++;
    // The directory itself: it was there before, and stays as it is.
    if (parts.length === 0) return;
    const path = parts.join('/');
    const [first, isWhole] = this.creation(path, entry);
    this.batch.add(first);
    if (isWhole) return;
    const { uid, gid } = this.options.owner ?? entry;
    this.batch.add({ op: 'put-owner', uid, gid });
    this.hasContent = entry.type === 'file';
    for (const [name, value] of entry.xattrs) {
      if (isAllowedXattr(name, entry.type)) this.after.push({ op: 'put-xattr', name, value });
    }
    this.after.push(endOf(entry));
    if (entry.type === 'directory') this.directories.set(path, entry);
  }

  data(chunk: Buffer): void {
    if (!this.hasContent) return;
    this.totals.bytes += chunk.length;
    for (let at = 0; at < chunk.length; at += CONTENT_BYTES) {
      this.batch.add({ op: 'file-data', data: chunk.subarray(at, at + CONTENT_BYTES) });
    }
  }

  hole(bytes: number): void {
    if (this.hasContent) this.batch.add({ op: 'file-hole', bytes });
  }

  end(): void {
    for (const action of this.after) {
      // Not every file system has user attributes; the file is worth having without.
      const isUser = action.op === 'put-xattr' && action.name.startsWith('user.');
      this.batch.add(action, isUser ? 'EOPNOTSUPP' : undefined);
    }
  }

  /** Directories get their times when nothing more is written into them. */
  *finish(): Generator<void> {
    for (const [path, entry] of this.directories) {
      this.batch.add(this.creation(path, entry)[0]);
      this.batch.add(endOf(entry));
      if (this.batch.isFull) yield;
    }
  }

  /** The first step, and whether it is the only one. */
  private creation(path: string, entry: TarEntry): [action: Action, isWhole: boolean] {
    const { type, mode, linkName, devMajor: major, devMinor: minor } = entry;
    const { slot, followLinks, replace } = this.options;
    const flags = (followLinks ? PUT.follow : 0) | (replace ? PUT.replace : 0);
    const at = { slot, path, flags };
    if (type === 'directory') return [{ op: 'put-directory', ...at, mode: 0o700 }, false];
    if (type === 'file') return [{ op: 'put-file', ...at }, false];
    if (type === 'symlink') return [{ op: 'put-symlink', ...at, target: linkName }, false];
    if (type !== 'link') return [{ op: 'put-node', ...at, mode: S_IFMT[type] | mode, major, minor }, false];
    const from = cleanParts(linkName).join('/');
    if (from === '') throw badLayer(`"${excerpt(entry.name)}" is a hard link to a directory`);
    return [{ op: 'put-link', ...at, from }, true];
  }
}

function endOf({ mode, mtimeS: seconds, mtimeNs: nanoseconds }: TarEntry): Action {
  return { op: 'put-end', mode, seconds, nanoseconds };
}

async function feed(options: PutOptions, putter: TreePutter, batch: StepBatch): Promise<void> {
  const reader = new TarReader(putter);
  for await (const chunk of decompressed(options.tar)) {
    for (let at = 0; at < chunk.length; ) {
      at = reader.write(chunk, at);
      if (batch.isFull) await batch.flush();
    }
    options.onProgress?.(putter.totals);
  }
  reader.finish();
  for (const _ of putter.finish()) await batch.flush();
  await batch.flush();
}

/**
 * Puts what the tar holds into the directory. A file appears whole or not at all; what was put before an error stays.
 * Throws BAD_LAYER for what is no tar and for names with "..", the shim's own error when a step fails; errors of the source
 * come through.
 */
export async function putTree(options: PutOptions): Promise<PutTotals> {
  const sink = await options.openSteps(options.enter);
  const batch = new StepBatch(sink);
  const putter = new TreePutter(batch, options);
  try {
    await feed(options, putter, batch);
  } catch (error) {
    const second = await sink.close().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    // What the shim says is about what came before in the archive, or about the place it goes to.
    throw second ?? error;
  }
  await sink.close();
  return putter.totals;
}
