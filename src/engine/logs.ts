import { closeSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { type ContainerRecord, containerDir } from '../storage/index.ts';
import type { Core } from './core.ts';
import { lifeOf } from './status.ts';
import type { LogEntry, LogOptions } from './types.ts';

const POLL_MS = 200;
const READ_BYTES = 256 * 1024;

function parseEntry(line: string): LogEntry | undefined {
  try {
    const value = JSON.parse(line) as { log?: unknown; stream?: unknown; time?: unknown };
    if (typeof value.log !== 'string' || typeof value.time !== 'string') return undefined;
    return { text: value.log, time: value.time, stream: value.stream === 'stderr' ? 'stderr' : 'stdout' };
  } catch (error) {
    // A line torn by a full disk or a power cut: the others are still good.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Reads a growing file line by line. */
class LineReader {
  private readonly fd: number;
  private rest = Buffer.alloc(0);
  private at = 0;

  constructor(path: string) {
    this.fd = openSync(path, 'r');
  }
  get inode(): number {
    return fstatSync(this.fd).ino;
  }
  /** Whole lines that are there and were not read yet. */
  *lines(): Generator<string> {
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      const n = readSync(this.fd, chunk, 0, chunk.length, this.at);
      if (n === 0) return;
      this.at += n;
      let data = Buffer.concat([this.rest, chunk.subarray(0, n)]);
      for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
        yield data.toString('utf8', 0, end);
        data = data.subarray(end + 1);
      }
      this.rest = data;
    }
  }
  close(): void {
    closeSync(this.fd);
  }
}

/** The log's files, oldest first. */
function logFiles(path: string): string[] {
  const files: string[] = [];
  for (let i = 9; i >= 0; i--) {
    const file = i === 0 ? path : `${path}.${i}`;
    try {
      statSync(file);
      files.push(file);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
    }
  }
  return files;
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Resolves when the log may have grown. inotify tells at once; the timer is for what it cannot see (the end). */
function changed(path: string, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      watcher?.close();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, POLL_MS);
    let watcher: ReturnType<typeof watch> | undefined;
    try {
      watcher = watch(path, finish);
      watcher.on('error', finish);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
    signal?.addEventListener('abort', finish, { once: true });
  });
}

/** Follows from an open reader: new lines, and the next file after a rotation, until the container has ended. */
async function* follow(
  core: Core,
  id: string,
  path: string,
  from: LineReader | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  let reader = from;
  try {
    while (signal?.aborted !== true) {
      const ended = lifeOf(core.paths, id).status !== 'running' && lifeOf(core.paths, id).status !== 'paused';
      if (reader !== undefined) yield* reader.lines();
      const inode = inodeOf(path);
      if (inode !== undefined && (reader === undefined || inode !== reader.inode)) {
        // Renamed away between two reads: what was written to the old file last, first.
        if (reader !== undefined) {
          yield* reader.lines();
          reader.close();
        }
        reader = new LineReader(path);
        continue;
      }
      if (ended) return;
      await changed(path, signal);
    }
  } finally {
    reader?.close();
  }
}

/** The log of a container. Entries older than `sinceMs` are left out; `tail` counts what remains. */
export async function* readLogs(
  core: Core,
  record: ContainerRecord,
  options: LogOptions,
): AsyncGenerator<LogEntry> {
  const path = `${containerDir(core.paths, record.id)}/log.json`;
  const wanted = (entry: LogEntry): boolean =>
    options.sinceMs === undefined || Date.parse(entry.time) >= options.sinceMs;
  let last: LineReader | undefined;
  let kept: LogEntry[] = [];
  const tail = options.tail;
  for (const file of logFiles(path)) {
    last?.close();
    last = new LineReader(file);
    for (const line of last.lines()) {
      const entry = parseEntry(line);
      if (entry === undefined || !wanted(entry)) continue;
      if (tail === undefined) yield entry;
      else {
        kept.push(entry);
        if (kept.length > 2 * tail + 64) kept = kept.slice(kept.length - tail);
      }
    }
  }
  if (tail !== undefined && tail > 0) yield* kept.slice(-tail);
  if (options.follow !== true) {
    last?.close();
    return;
  }
  for await (const line of follow(core, record.id, path, last, options.signal)) {
    const entry = parseEntry(line);
    if (entry !== undefined && wanted(entry)) yield entry;
  }
}
