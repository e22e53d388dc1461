import { closeSync, existsSync, lutimesSync, rmSync, writeFileSync } from 'node:fs';
import { builtin, errnoOf, NEW_OR_EMPTY } from '../base/index.ts';
import { openUnnamed, SpareShim } from '../shim/index.ts';
import { creationName, stagingName } from '../storage/index.ts';
import type { Core } from './core.ts';
import { NAME_FILES } from './name-files.ts';
import { makeContainerDir, makeRunDir, newId, type ReadyContainer } from './new-dirs.ts';

/*
 * What a start needs and what is nobody's yet, made while nobody waits for it: docs/adr/0050-made-beforehand.md. For programs
 * that run one container after the other; one that has run a single one, or none for a while, keeps nothing.
 */

/** After a run, whose caller mostly has something to do first. */
const MAKE_AFTER_MS = 2;
const KEEP_MS = 10_000;

/** A shim that waits, files for its program's streams, and two directories. What is not taken goes with it. */
export class Ready {
  private readonly stdin: number;
  private hasInput = false;
  readonly stdout: number;
  readonly stderr: number;
  private readonly opened: number[] = [];
  private container: ReadyContainer | undefined;
  private run: string | undefined;
  private shim: SpareShim | undefined;

  /** Throws errnos; nothing is left then. */
  constructor(core: Core) {
    const open = (): number => {
      const fd = openUnnamed(`${core.root}/bin`);
      this.opened.push(fd);
      return fd;
    };
    try {
      this.stdin = open();
      this.stdout = open();
      this.stderr = open();
      const id = newId();
      this.container = { id, staging: `${core.root}/containers/${creationName(id)}` };
      makeContainerDir(this.container.staging);
      this.run = `${core.paths.run}/${stagingName()}`;
      makeRunDir(this.run);
      const empty = (path: string, mode: number): void =>
        writeFileSync(path, '', { mode, flag: NEW_OR_EMPTY });
      empty(`${this.container.staging}/container.json`, 0o600);
      empty(`${this.run}/plan`, 0o600);
      for (const name of NAME_FILES) empty(`${this.run}/${name}`, 0o644);
      this.shim = new SpareShim(core.root, this.stdin, this.stdout, this.stderr);
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  /** Its shim has said that it waits, and its directories are where they were made. */
  get isComplete(): boolean {
    const { container, run, shim } = this;
    return (
      !this.hasInput &&
      shim?.isReady === true &&
      existsSync(container?.staging ?? '') &&
      existsSync(run ?? '')
    );
  }

  /** The file for what its program will read. */
  takeStdin(): number {
    this.hasInput = true;
    return this.stdin;
  }

  get containerId(): string | undefined {
    return this.container?.id;
  }

  takeContainer(): ReadyContainer | undefined {
    const { container } = this;
    this.container = undefined;
    return container;
  }

  /** The run directory, with empty files for the plan and the names. */
  takeRun(): string | undefined {
    const { run } = this;
    this.run = undefined;
    // How long ago somebody began is told by this: status.ts.
    const now = new Date();
    if (run !== undefined) lutimesSync(`${run}/owner`, now, now);
    return run;
  }

  takeShim(): SpareShim | undefined {
    const shim = this.shim?.isReady === true ? this.shim : undefined;
    if (shim !== undefined) this.shim = undefined;
    return shim;
  }

  /**
   * Gives up what was not taken; with `waits` it resolves when the shim has ended. Files for output can be read until the next
   * turn of the event loop. Never throws: nobody asked for any of it.
   */
  async close(waits = false): Promise<void> {
    const { shim, container, run } = this;
    this.shim = this.container = this.run = undefined;
    const end = waits ? shim?.end() : shim?.close();
    removeAll([container?.staging, run]);
    await new Promise(setImmediate);
    for (const fd of this.opened.splice(0)) closeSync(fd);
    await end;
  }
}

/** What could not be removed yet, for want of descriptors. A sweep removes it when this process has ended. */
const left = new Set<string>();

function removeAll(paths: ReadonlyArray<string | undefined>): void {
  for (const path of paths) if (path !== undefined) left.add(path);
  for (const path of left) {
    try {
      rmSync(path, { recursive: true, force: true });
      left.delete(path);
    } catch (error) {
      if (errnoOf(error) === undefined) throw error;
    }
  }
}

/** Those that have something: told when the process ends by itself. Of one that is killed a sweep removes it. */
const keeping = new Set<ReadyKeeper>();
let isTold = false;

function dropAll(): void {
  for (const keeper of keeping) void keeper.drop();
}

/** One at a time for an engine in this process. */
class ReadyKeeper {
  private kept: Ready | undefined;
  private runs = 0;
  /** Of close(): a run that began before it has nothing made after it. */
  private closes = 0;
  private timer: NodeJS.Timeout | undefined;
  private isWanted: boolean;

  constructor(private readonly core: Core) {
    this.isWanted = core.keepsReady;
  }

  async run<T>(work: (ready: Ready | undefined) => Promise<T>): Promise<T> {
    const { kept, closes } = this;
    const ready = kept?.isComplete === true ? kept : undefined;
    if (ready !== undefined) this.keep(undefined);
    try {
      return await work(ready);
    } finally {
      this.runEnded(ready, closes);
    }
  }

  /** Perhaps there will be another. One that failed before it took anything leaves it all. */
  private runEnded(used: Ready | undefined, closes: number): void {
    const isOpen = closes === this.closes;
    if (isOpen && this.kept === undefined && used?.isComplete === true) this.keep(used);
    else void used?.close();
    if (!isOpen) return;
    this.runs++;
    clearTimeout(this.timer);
    // The mark on directories is the process's: those of a thread that is terminated would stay as long as that.
    const { isMainThread } = builtin('node:worker_threads');
    if (this.runs > 1 && this.isWanted && isMainThread)
      this.timer = setTimeout(() => this.make(), MAKE_AFTER_MS).unref();
  }

  private make(): void {
    if (this.kept?.isComplete !== true) {
      void this.drop();
      try {
        this.keep(new Ready(this.core));
      } catch {
        // Nobody asked for it: starts do without, and have words of their own for what is wrong. Not tried again: a spawn that
        // fails for want of descriptors leaves one more open (Node 20).
        this.isWanted = false;
      }
    }
    this.timer = setTimeout(() => void this.drop(), KEEP_MS).unref();
  }

  private keep(ready: Ready | undefined): void {
    this.kept = ready;
    if (ready === undefined) keeping.delete(this);
    else keeping.add(this);
    if (!isTold) process.on('exit', dropAll);
    isTold = true;
  }

  async drop(waits = false): Promise<void> {
    clearTimeout(this.timer);
    const { kept } = this;
    this.keep(undefined);
    removeAll([]);
    await kept?.close(waits);
  }

  close(): Promise<void> {
    this.closes++;
    this.runs = 0;
    return this.drop(true);
  }
}

const keepers = new WeakMap<Core, ReadyKeeper>();

/** A run with what was made beforehand, if anything was. */
export function withReady<T>(core: Core, run: (ready: Ready | undefined) => Promise<T>): Promise<T> {
  const keeper = keepers.get(core) ?? new ReadyKeeper(core);
  keepers.set(core, keeper);
  return keeper.run(run);
}

/** Gives up what is there for a next run, and what runs under way would have made. */
export function dropReady(core: Core): Promise<void> {
  return keepers.get(core)?.close() ?? Promise.resolve();
}
