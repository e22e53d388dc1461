import type { MultiBar, SingleBar } from 'cli-progress';
import type { ImageProgress, LayerStatus } from '../engine/types.ts';
import { humanSize } from './format.ts';
import { oneLine, writeError } from './out.ts';

/** Something that shows how far images have come, on standard error. */
export interface ProgressView {
  show(progress: ImageProgress): void;
  /** No more is shown: the terminal is as before. */
  end(): void;
}

const WORDS: Readonly<Record<LayerStatus, string>> = {
  waiting: 'Waiting',
  downloading: 'Downloading',
  verifying: 'Verifying',
  extracting: 'Extracting',
  exists: 'Already exists',
  done: 'Pull complete',
  uploading: 'Pushing',
  mounted: 'Mounted from another repository',
  retrying: 'Retrying',
};
/** Statuses that are worth a line where lines are kept. */
const KEPT: readonly LayerStatus[] = ['exists', 'done', 'mounted'];

/** `done`: the word for a layer that is finished ("Pull complete"). */
export interface ProgressOptions {
  quiet: boolean;
  done: string;
}

function wordsFor(status: LayerStatus, options: ProgressOptions): string {
  return status === 'done' ? options.done : WORDS[status];
}

/** Lines for a file or a pipe: one when a layer begins to move, one when it is finished. */
class Lines implements ProgressView {
  private readonly said = new Set<string>();

  constructor(private readonly options: ProgressOptions) {}

  show(progress: ImageProgress): void {
    if (progress.kind === 'text') {
      writeError(`${oneLine(progress.text)}\n`);
      return;
    }
    const { id, status } = progress;
    const isStart = status === 'downloading' || status === 'uploading';
    if (!isStart && !KEPT.includes(status)) return;
    const line = `${id}: ${wordsFor(status, this.options)}`;
    if (this.said.has(line)) return;
    this.said.add(line);
    writeError(`${line}\n`);
  }

  end(): void {}
}

/** A line a layer, redrawn. */
class Bars implements ProgressView {
  private readonly bars = new Map<string, SingleBar>();

  constructor(
    private readonly multi: MultiBar,
    private readonly options: ProgressOptions,
  ) {}

  show(progress: ImageProgress): void {
    if (progress.kind === 'text') {
      this.multi.log(`${oneLine(progress.text)}\n`);
      return;
    }
    const { id, status, doneBytes, totalBytes = 0, note } = progress;
    const isMoving = status === 'downloading' || status === 'uploading' || status === 'extracting';
    const sizes =
      isMoving && doneBytes !== undefined ? `${humanSize(doneBytes)}/${humanSize(totalBytes)}` : '';
    const payload = { id, words: wordsFor(status, this.options).padEnd(14), sizes, note: note ?? '' };
    const isOver = KEPT.includes(status);
    const value = isOver ? totalBytes : (doneBytes ?? 0);
    const bar = this.bars.get(id) ?? this.multi.create(Math.max(1, totalBytes), 0, payload);
    this.bars.set(id, bar);
    bar.update(isOver ? Math.max(1, totalBytes) : value, payload);
  }

  end(): void {
    this.multi.stop();
  }
}

const SILENT: ProgressView = { show: () => {}, end: () => {} };

/** The view that fits standard error: bars on a terminal, lines elsewhere, nothing when quiet. */
export async function progressView(options: ProgressOptions): Promise<ProgressView> {
  if (options.quiet) return SILENT;
  if (process.stderr.isTTY !== true) return new Lines(options);
  const progress = await import('cli-progress');
  const multi = new progress.default.MultiBar({
    format: '{id}: {words} [{bar}] {sizes} {note}',
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: false,
    fps: 10,
    stream: process.stderr,
    gracefulExit: false,
  });
  return new Bars(multi, options);
}
