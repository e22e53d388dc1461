import { errnoOf } from '../base/index.ts';
import type { Action, Step } from '../plan/index.ts';
import type { ChainId } from '../storage/index.ts';
import { LayerPlanner } from './layer-plan.ts';
import { LAYERS_SLOT } from './layer-steps.ts';
import { beyondLimit, type LayerLimits, layerLimits } from './limits.ts';
import { DiskLower, NO_LOWER } from './lower.ts';
import { type OpenSteps, StepBatch } from './steps.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader, type TarVisitor } from './tar-read.ts';

/** Bytes of content in one step; well below what the shim takes. */
const CONTENT_BYTES = 256 * 1024;
/** A file of at most this size is one step, made when all of it is here. */
const SMALL_FILE_BYTES = 64 * 1024;

/** The first steps of every unpacking: from then on the shim sees nothing but the layer. */
function enterLayer(dir: string, layersDir: string): Step[] {
  return [
    {
      op: 'spread-directories',
      path: layersDir,
      where: 'host',
      why: 'layers come and go: ext4 makes files slowly where many were removed a moment ago',
    },
    {
      op: 'open-path',
      path: layersDir,
      slot: LAYERS_SLOT,
      where: 'host',
      why: 'hard links and directories may need what a layer below has',
    },
    { op: 'chroot', path: dir, where: 'host', why: 'no link in the archive can lead out of the layer' },
    { op: 'umask', mask: 0, where: 'host', why: 'modes are those of the archive' },
  ];
}

/** What was unpacked. */
export interface Unpacked {
  /** Sum of the files' sizes. */
  sizeBytes: number;
  /** See LayerFacts. */
  opaque: string[];
}

/** Turns what a tar holds into steps. */
class LayerBuilder implements TarVisitor {
  private entries = 0;
  sizeBytes = 0;
  private path: string | undefined;
  private current: TarEntry | undefined;
  private after: Action[] = [];
  /** The content of a small file so far; undefined: it goes out as it comes. */
  private small: Buffer | undefined;
  private smallBytes = 0;

  constructor(
    private readonly batch: StepBatch,
    private readonly planner: LayerPlanner,
    private readonly limits: LayerLimits,
  ) {}

  isFull(): boolean {
    return this.batch.isFull;
  }

  entry(entry: TarEntry): void {
    const { before, filePath, after } = this.planner.plan(entry);
    this.count(entry);
    for (const action of before) this.batch.add(action);
    this.after = after;
    this.path = filePath;
    this.current = entry;
    if (filePath === undefined) return;
    this.sizeBytes += entry.size;
    this.small = entry.size <= SMALL_FILE_BYTES ? Buffer.allocUnsafe(entry.size) : undefined;
    this.smallBytes = 0;
    // Not the final mode: nobody shall run a half-written setuid file.
    if (this.small === undefined) this.batch.add({ op: 'create-file', path: filePath, mode: 0o600 });
  }

  data(chunk: Buffer): void {
    if (this.path === undefined) return;
    if (this.small !== undefined) {
      this.smallBytes += chunk.copy(this.small, this.smallBytes);
      return;
    }
    for (let at = 0; at < chunk.length; at += CONTENT_BYTES) {
      this.batch.add({ op: 'file-data', data: chunk.subarray(at, at + CONTENT_BYTES) });
    }
  }

  hole(bytes: number): void {
    if (this.path === undefined) return;
    if (this.small === undefined) this.batch.add({ op: 'file-hole', bytes });
    else {
      this.small.fill(0, this.smallBytes, this.smallBytes + bytes);
      this.smallBytes += bytes;
    }
  }

  end(): void {
    const { path, current, small } = this;
    if (path !== undefined && current !== undefined) {
      const { mode, uid, gid, mtimeS: seconds, mtimeNs: nanoseconds } = current;
      const about = { mode, uid, gid, seconds, nanoseconds };
      if (small === undefined) this.batch.add({ op: 'file-end', ...about });
      else this.batch.add({ op: 'file', path, ...about, data: small });
    }
    for (const action of this.after) {
      // tmpfs has no user attributes before Linux 6.6; a layer is worth having without.
      this.batch.add(
        action,
        action.op === 'xattr' && action.name.startsWith('user.') ? 'EOPNOTSUPP' : undefined,
      );
    }
  }

  /** Steps after the last entry, as many at a time as are wanted in memory. */
  *finish(): Generator<void> {
    for (const action of this.planner.end()) {
      this.batch.add(action);
      if (this.batch.isFull) yield;
    }
  }

  opaque(): string[] {
    return this.planner.opaque();
  }

  private count(entry: TarEntry): void {
    const { maxEntries, maxBytes } = this.limits;
    if (++this.entries + this.planner.directoryCount > maxEntries) {
      throw beyondLimit(`it holds more than ${maxEntries} entries`, 'MYDOCKER_MAX_LAYER_ENTRIES');
    }
    if (this.sizeBytes + entry.size > maxBytes) {
      throw beyondLimit(`its files hold more than ${maxBytes} bytes`, 'MYDOCKER_MAX_LAYER_BYTES');
    }
  }
}

async function feed(tar: AsyncIterable<Buffer>, builder: LayerBuilder, batch: StepBatch): Promise<void> {
  const reader = new TarReader(builder);
  for await (const chunk of tar) {
    for (let at = 0; at < chunk.length; ) {
      at = reader.write(chunk, at);
      if (batch.isFull) await batch.flush();
    }
  }
  reader.finish();
  for (const _ of builder.finish()) await batch.flush();
  batch.add({ op: 'sync-files' });
  await batch.flush();
}

/**
 * Unpacks an uncompressed tar into the existing empty directory `dir`, which must be nobody else's yet and lie in
 * the directory of layers; the steps are done by a shim that is chrooted there. What it holds is on the disk then.
 * Throws MydockerError: BAD_LAYER for a bad archive, LAYER_LIMIT, the shim's own error when a step fails.
 * After an error the directory is half full: the caller deletes it.
 */
export async function unpackLayer(options: {
  root: string;
  tar: AsyncIterable<Buffer>;
  dir: string;
  /** The layers it lies on, oldest first. */
  lower: readonly ChainId[];
  openSteps: OpenSteps;
  limits?: LayerLimits | undefined;
}): Promise<Unpacked> {
  const { root, lower, limits = layerLimits() } = options;
  const sink = await options.openSteps(enterLayer(options.dir, `${root}/layers`));
  const batch = new StepBatch(sink);
  const planner = new LayerPlanner(lower.length === 0 ? NO_LOWER : new DiskLower(root, lower));
  const builder = new LayerBuilder(batch, planner, limits);
  try {
    await feed(options.tar, builder, batch);
  } catch (error) {
    const second = await sink.close().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    // A broken pipe only says that the shim stopped; close() tells why. Any other error came first.
    throw errnoOf(error) === 'EPIPE' && second !== undefined ? second : error;
  }
  await sink.close();
  return { sizeBytes: builder.sizeBytes, opaque: builder.opaque() };
}
