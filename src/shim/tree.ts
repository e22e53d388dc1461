import { closeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { builtin, errnoNumber, errnoWords, MydockerError, writeWhole } from '../base/index.ts';
import {
  type Action,
  encodePlan,
  type Fault,
  MAX_STEPS,
  PLAN_FLAGS,
  type Plan,
  SLOT_COUNT,
  type Step,
  type StepNotes,
  steps,
} from '../plan/index.ts';
import { shimBinary } from './assets.ts';
import { decodeReport, type Failure } from './report.ts';
import { openReport, openSmall, readWhole, startShim } from './run.ts';

/** Words for a failed step: loaded only then. */
const stepError = async (
  ...about: Parameters<typeof import('./failure.ts').stepError>
): Promise<MydockerError> => (await import('./failure.ts')).stepError(...about);

/** A stream of file steps being carried out as they arrive. */
export interface StepStream {
  /** False: wait for ready() before the next one. Throws EPIPE when the shim has stopped: close() tells why. */
  write(bytes: Buffer): boolean;
  ready(): Promise<void>;
  /** All was sent; resolves when all was carried out, rejects with the step that failed. */
  close(): Promise<void>;
}

function unpackError({ errno, path }: Failure): MydockerError {
  const number = errnoNumber(errno);
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT';
  const what = path === '' ? 'a layer' : `"${path}"`;
  const why = number === undefined ? errno : errnoWords(number);
  return new MydockerError('UNPACK_FAILED', `cannot unpack ${what}: ${why}`, {
    errno,
    subject: path,
    remedy: isFull ? 'free some space, or choose another disk with --root' : undefined,
  });
}

/** How a stream is shown and how its failures are told. */
export interface StreamWords {
  /** Second word in the process list. */
  title: string;
  /** "cannot copy to bird". */
  what: string;
  /** Better words for a failure; of a streamed step only `path` says which it was. */
  fail(failure: Failure, initial: Step | undefined): MydockerError | undefined;
  /** For tests. */
  fault?: Fault | undefined;
}

const UNPACK: StreamWords = { title: 'unpack', what: 'cannot unpack', fail: unpackError };

/**
 * Starts a shim that carries out `initial` (a chroot, first of all) and then whatever is written. It is not reached by
 * signals of the caller's terminal, and ends when the caller does.
 */
export function openStepStream(
  root: string,
  initial: readonly Step[],
  words: StreamWords = UNPACK,
): StepStream {
  const plan: Plan = { steps: initial };
  const report = openReport(`${root}/bin`);
  const child = builtin('node:child_process').spawn(shimBinary(root), ['run', words.title], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', report],
    detached: true,
    env: {},
    cwd: '/',
  });
  const pipe = child.stdio[3] as Writable;
  let broken: Error | undefined;
  // EPIPE here only says that the shim stopped; its report says why.
  pipe.on('error', (error) => {
    broken = error;
  });
  const exited = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
  pipe.write(encodePlan(plan, { flags: PLAN_FLAGS.stream, fault: words.fault }));
  return {
    write: (bytes) => {
      if (broken !== undefined) throw broken;
      return pipe.write(bytes);
    },
    ready: () =>
      new Promise((resolve) => {
        if (broken !== undefined || !pipe.writableNeedDrain) resolve();
        else {
          const go = (): void => {
            pipe.off('drain', go);
            pipe.off('close', go);
            resolve();
          };
          pipe.on('drain', go);
          pipe.on('close', go);
        }
      }),
    close: async () => {
      if (broken === undefined) pipe.end();
      await exited;
      const { failure } = decodeReport(readWhole(report));
      closeSync(report);
      if (failure !== undefined) {
        const step = failure.index === undefined ? undefined : initial[failure.index];
        throw words.fail(failure, step) ?? (await stepError(words.what, plan, failure));
      }
      if (child.exitCode !== 0)
        throw new MydockerError('UNPACK_FAILED', `${words.what}: the shim was killed`);
    },
  };
}

/** What of a tree is read. */
export interface WalkOptions {
  /** Resolved below the root; default: all of it. */
  path?: string;
  /** WALK. */
  flags?: number;
  /** statfs(2) numbers of file systems that are not entered. */
  skip?: readonly number[];
  /** Better words for a failure of the walk itself. */
  fail?(failure: Failure): MydockerError | undefined;
  /** For tests. */
  fault?: Fault | undefined;
}

/** Not one of those that `enter` uses. */
const SELF_SLOT = SLOT_COUNT - 1;

/** The tree below a directory of the host: see walkAfter. */
export function runWalk(root: string, directory: string, flags = 0): AsyncGenerator<Buffer> {
  const enter = steps('host', {
    op: 'chroot',
    path: directory,
    why: 'nothing outside can be read, whatever links say',
  });
  return walkAfter(root, enter, directory, { flags });
}

/**
 * What `enter` made the root, as the shim's `walk` writes it; the record format is drawn in native/walk_emit.c.
 * Starts with the first read, and ends only after the shim has ended well: a cut stream is never taken for a whole one.
 */
export async function* walkAfter(
  root: string,
  enter: readonly Step[],
  directory: string,
  options: WalkOptions = {},
): AsyncGenerator<Buffer> {
  const { path = '/', flags = 0, skip = [], fail, fault } = options;
  const magics = Buffer.alloc(4 * skip.length);
  for (const [i, magic] of skip.entries()) magics.writeUInt32LE(magic, 4 * i);
  const plan: Plan = {
    steps: [
      ...steps('host', {
        op: 'open-path',
        path: '/proc/self/fd',
        slot: SELF_SLOT,
        why: 'a file is opened only when it is known to be none but a plain one',
      }),
      ...enter,
      ...steps('host', {
        ...{ op: 'walk', path, flags, slot: SELF_SLOT, skip: magics },
        why: 'every entry with its metadata and content',
      }),
    ],
  };
  const report = openReport(`${root}/bin`);
  const planFd = openSmall(`${root}/bin`);
  writeWhole(planFd, encodePlan(plan, { fault }));
  const child = builtin('node:child_process').spawn(shimBinary(root), ['run', 'walk'], {
    stdio: ['ignore', 'pipe', 'ignore', planFd, report],
    env: {},
    cwd: '/',
  });
  closeSync(planFd);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  try {
    yield* child.stdout as Readable as AsyncIterable<Buffer>;
    const code = await exited;
    const { failure } = decodeReport(readWhole(report));
    if (failure !== undefined) {
      const isWalk = failure.index === plan.steps.length - 1;
      throw (
        (isWalk ? fail?.(failure) : undefined) ?? (await stepError(`cannot read ${directory}`, plan, failure))
      );
    }
    if (code !== 0) throw new MydockerError('WALK_FAILED', `cannot read ${directory}: the shim was killed`);
  } finally {
    child.stdout?.destroy();
    await exited;
    closeSync(report);
  }
}

/** Carries out host actions in order, however many: removing trees, mostly. Rejects with the step that failed. */
export async function runActions(
  root: string,
  what: string,
  actions: ReadonlyArray<Action & StepNotes>,
  fault?: Fault,
): Promise<void> {
  for (let from = 0; from < actions.length; from += MAX_STEPS)
    await runFew(root, what, actions.slice(from, from + MAX_STEPS), fault);
}

async function runFew(
  root: string,
  what: string,
  actions: ReadonlyArray<Action & StepNotes>,
  fault: Fault | undefined,
): Promise<void> {
  const plan: Plan = { steps: steps('host', ...actions) };
  const bytes = encodePlan(plan, { fault });
  const { failure } = await startShim({ root, mode: 'run', title: 'remove', plan: bytes }).done;
  if (failure !== undefined) throw await stepError(what, plan, failure);
}
