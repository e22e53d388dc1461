import { closeSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { errnoOf, MydockerError, NEW_OR_EMPTY } from '../base/index.ts';
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
      this.close();
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

  takeContainer(): ReadyContainer | undefined {
    const { container } = this;
    this.container = undefined;
    return container;
  }

  /** The run directory, with empty files for the plan and the names. */
  takeRun(): string | undefined {
    const { run } = this;
    this.run = undefined;
    return run;
  }

  takeShim(): SpareShim | undefined {
    const shim = this.shim?.isReady === true ? this.shim : undefined;
    if (shim !== undefined) this.shim = undefined;
    return shim;
  }

  /** Gives up what was not taken. Files for output can be read until the next turn of the event loop, when nobody waits. */
  close(): void {
    for (const path of [this.container?.staging, this.run])
      if (path !== undefined) rmSync(path, { recursive: true, force: true });
    this.shim?.close();
    setImmediate(() => {
      for (const fd of this.opened.splice(0)) closeSync(fd);
    });
  }
}

/** Those that have something: told when the process ends by itself. Of one that is killed a sweep removes it. */
const keeping = new Set<ReadyKeeper>();
let isTold = false;

function dropAll(): void {
  for (const keeper of keeping) keeper.drop();
}

/** One at a time for an engine in this process. */
class ReadyKeeper {
  private kept: Ready | undefined;
  private runs = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly core: Core) {}

  take(): Ready | undefined {
    const { kept } = this;
    if (kept?.isComplete !== true) return undefined;
    this.keep(undefined);
    return kept;
  }

  /** Perhaps there will be another. One that failed before it took anything leaves it all. */
  runEnded(used: Ready | undefined): void {
    this.runs++;
    if (this.kept === undefined && used?.isComplete === true) this.keep(used);
    else used?.close();
    clearTimeout(this.timer);
    if (this.runs > 1 && this.core.keepsReady)
      this.timer = setTimeout(() => this.make(), MAKE_AFTER_MS).unref();
  }

  private make(): void {
    if (this.kept?.isComplete !== true) {
      this.drop();
      try {
        this.keep(new Ready(this.core));
      } catch (error) {
        // Nobody asked for it: the next start does without, and has words of its own for what is wrong.
        if (errnoOf(error) === undefined && !(error instanceof MydockerError)) throw error;
      }
    }
    this.timer = setTimeout(() => this.drop(), KEEP_MS).unref();
  }

  private keep(ready: Ready | undefined): void {
    this.kept = ready;
    if (ready === undefined) keeping.delete(this);
    else keeping.add(this);
    if (!isTold) process.on('exit', dropAll);
    isTold = true;
  }

  drop(): void {
    clearTimeout(this.timer);
    const { kept } = this;
    this.keep(undefined);
    kept?.close();
  }
}

const keepers = new WeakMap<Core, ReadyKeeper>();

/** A run with what was made beforehand, if anything was. */
export async function withReady<T>(core: Core, run: (ready: Ready | undefined) => Promise<T>): Promise<T> {
  const keeper = keepers.get(core) ?? new ReadyKeeper(core);
  keepers.set(core, keeper);
  const ready = keeper.take();
  try {
    return await run(ready);
  } finally {
    keeper.runEnded(ready);
  }
}

/** Gives up what is there for a next run. */
export function dropReady(core: Core): void {
  keepers.get(core)?.drop();
}
