import { closeSync, existsSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { jsonOf } from '../storage/index.ts';
import type { Core } from './core.ts';
import { eventFilter } from './event-filters.ts';
import type { EngineEvent, EventOptions } from './event-types.ts';
import { eventsFile } from './events-file.ts';

const CHUNK_BYTES = 65536;
/** Should a change go unnoticed: a file system that tells of none, a watch that the kernel refused. */
const LOOK_MS = 1000;

function isEvent(value: unknown): value is EngineEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { time, type, action, id, attributes } = value as Record<string, unknown>;
  const texts = [time, type, action, id].every((field) => typeof field === 'string');
  return texts && typeof attributes === 'object' && attributes !== null;
}

const parse = (line: string): EngineEvent | undefined => jsonOf(line, isEvent);

/** One file of events, read as far as it goes and then further. */
class Tail {
  private readonly fd: number;
  readonly inode: number;
  private rest = '';

  constructor(path: string) {
    this.fd = openSync(path, 'r');
    this.inode = fstatSync(this.fd).ino;
  }

  *read(): Generator<EngineEvent> {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const n = readSync(this.fd, buffer, 0, CHUNK_BYTES, null);
      if (n === 0) return;
      // latin1 keeps a character that is cut between two chunks.
      const lines = (this.rest + buffer.toString('latin1', 0, n)).split('\n');
      this.rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = parse(Buffer.from(line, 'latin1').toString('utf8'));
        if (event !== undefined) yield event;
      }
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}

function openTail(path: string): Tail | undefined {
  try {
    return new Tail(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Reads on, and over to the next file when this one was put aside. */
class Reader {
  private tail: Tail | undefined;

  constructor(private readonly path: string) {
    this.tail = openTail(path);
  }

  *read(): Generator<EngineEvent> {
    for (;;) {
      const current = this.tail;
      const inode = inodeOf(this.path);
      if (current !== undefined) yield* current.read();
      if (inode === undefined || inode === current?.inode) return;
      current?.close();
      this.tail = openTail(this.path);
    }
  }

  close(): void {
    this.tail?.close();
  }
}

/** Resolves when something may have changed, at the latest at `untilMs`, or when the signal aborts. */
class Watch {
  private wake: () => void = () => {};
  private changed = false;
  private readonly watcher: ReturnType<typeof watch> | undefined;
  private readonly notice = (): void => {
    this.changed = true;
    this.wake();
  };

  constructor(
    directory: string,
    private readonly signal: AbortSignal | undefined,
  ) {
    try {
      this.watcher = watch(directory, this.notice);
      this.watcher.on('error', this.notice);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
    signal?.addEventListener('abort', this.notice);
  }

  async wait(untilMs: number): Promise<void> {
    const ms = Math.max(0, Math.min(LOOK_MS, untilMs - Date.now()));
    if (!this.changed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.changed = false;
  }

  close(): void {
    this.watcher?.close();
    this.signal?.removeEventListener('abort', this.notice);
  }
}

/** Names as they are now: who was renamed while it ran is told by its monitor under its old name. */
class Names {
  private readonly renamed = new Map<string, string>();

  current(event: EngineEvent): EngineEvent {
    if (event.type !== 'container') return event;
    if (event.action === 'rename' && event.attributes.name !== undefined)
      this.renamed.set(event.id, event.attributes.name);
    const name = this.renamed.get(event.id);
    return name === undefined ? event : { ...event, attributes: { ...event.attributes, name } };
  }
}

/** What happened and happens, oldest first. Throws BAD_INPUT for a filter that is none, before anything is read. */
export function readEvents(core: Core, options: EventOptions): AsyncIterable<EngineEvent> {
  return follow(core, options, eventFilter(options.filters ?? []));
}

async function* follow(
  core: Core,
  options: EventOptions,
  matches: (event: EngineEvent) => boolean,
): AsyncGenerator<EngineEvent> {
  const startMs = Date.now();
  const sinceMs = options.sinceMs ?? startMs;
  // Until a time that is over: whatever is there by now.
  const untilMs = options.untilMs ?? Number.POSITIVE_INFINITY;
  const path = eventsFile(core.paths);
  const names = new Names();
  const inRange = (event: EngineEvent): boolean => {
    const ms = Date.parse(event.time);
    return ms >= sinceMs && ms <= untilMs;
  };
  core.prepare();
  const watcher = new Watch(core.root, options.signal);
  const reader = new Reader(path);
  try {
    const older = existsSync(`${path}.1`) ? openTail(`${path}.1`) : undefined;
    if (older !== undefined) {
      for (const event of older.read()) {
        const current = names.current(event);
        if (inRange(current) && matches(current)) yield current;
      }
      older.close();
    }
    while (options.signal?.aborted !== true) {
      const last = Date.now() > untilMs;
      for (const event of reader.read()) {
        const current = names.current(event);
        if (inRange(current) && matches(current)) yield current;
      }
      if (last) return;
      await watcher.wait(untilMs + 1);
    }
  } finally {
    reader.close();
    watcher.close();
  }
}
