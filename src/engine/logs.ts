import { closeSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { type ContainerRecord, containerDir } from '../storage/index.ts';
import type { Core } from './core.ts';
import { lifeOf } from './status.ts';
import type { LogEntry, LogOptions } from './types.ts';

const POLL_MS = 200;
const READ_BYTES = 256 * 1024;
/** log.json.1 to log.json.9 at most: see native/log.c. */
const MOST_FILES = 9;

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
  private rest = Buffer.alloc(0);
  private at = 0;

  constructor(
    private readonly fd: number,
    readonly inode: number,
  ) {}
  /** Whole lines that are there and were not read yet. Calls `look` before each piece. */
  *lines(look: () => void): Generator<string> {
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      look();
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

function openLog(path: string): LineReader | undefined {
  try {
    const fd = openSync(path, 'r');
    return new LineReader(fd, fstatSync(fd).ino);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The log's files that are newer than the one with this inode (without one: all), oldest first, each open before any
 * is read. The newest is opened first: a rotation in between can only show one twice, never hide one.
 */
function openNewer(path: string, inode: number | undefined): LineReader[] {
  const newestFirst: LineReader[] = [];
  for (let i = 0; i <= MOST_FILES; i++) {
    const reader = openLog(i === 0 ? path : `${path}.${i}`);
    // A rotation leaves a gap for a moment.
    if (reader === undefined) continue;
    const seen = newestFirst.some((other) => other.inode === reader.inode);
    if (seen || reader.inode === inode) reader.close();
    else newestFirst.push(reader);
    if (reader.inode === inode) break;
  }
  return newestFirst.reverse();
}

/** The files of a log, read in the order they were written, each held open from when it is first seen. */
class LogTrail {
  private readonly readers: LineReader[];

  constructor(private readonly path: string) {
    this.readers = openNewer(path, undefined);
  }

  /** Opens files that rotations made since; before the one after next makes them go. */
  look(): void {
    const newest = this.readers.at(-1)?.inode;
    const inode = statSync(this.path, { throwIfNoEntry: false })?.ino;
    if (inode !== undefined && inode !== newest) this.readers.push(...openNewer(this.path, newest));
  }

  /** Whole lines that are there and were not read yet; with `follows`, of files that appear meanwhile too. */
  *lines(follows: boolean): Generator<string> {
    const look = (): void => {
      if (follows) this.look();
    };
    for (let [first] = this.readers; first !== undefined; [first] = this.readers) {
      yield* first.lines(look);
      if (this.readers.length === 1) return;
      // There is a newer one, so that nothing more is written to this: its end may have come after the last look.
      yield* first.lines(look);
      first.close();
      this.readers.shift();
    }
  }

  close(): void {
    for (const reader of this.readers.splice(0)) reader.close();
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

/** Follows: new lines, and those of the next files after rotations, until the container has ended. */
async function* follow(
  core: Core,
  id: string,
  path: string,
  trail: LogTrail,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  while (signal?.aborted !== true) {
    const { status, starting } = lifeOf(core.paths, id);
    const ended = status !== 'running' && status !== 'paused' && starting !== true;
    trail.look();
    yield* trail.lines(true);
    if (ended) return;
    await changed(path, signal);
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
  const { tail } = options;
  const trail = new LogTrail(path);
  try {
    let kept: LogEntry[] = [];
    for (const line of trail.lines(false)) {
      const entry = parseEntry(line);
      if (entry === undefined || !wanted(entry)) continue;
      if (tail === undefined) yield entry;
      else {
        kept.push(entry);
        if (kept.length > 2 * tail + 64) kept = kept.slice(kept.length - tail);
      }
    }
    if (tail !== undefined && tail > 0) yield* kept.slice(-tail);
    if (options.follow !== true) return;
    for await (const line of follow(core, record.id, path, trail, options.signal)) {
      const entry = parseEntry(line);
      if (entry !== undefined && wanted(entry)) yield entry;
    }
  } finally {
    trail.close();
  }
}
