import { existsSync, lstatSync, statSync } from 'node:fs';
import { builtin, errnoOf, MydockerError, sleep } from '../base/index.ts';
import {
  type Broken,
  type ContainerRecord,
  claimText,
  currentBootId,
  type ExitRecord,
  isAlive,
  isOwnerAlive,
  type Paths,
  type RunState,
  readExit,
  readIfThere,
  readRecord,
  readState,
  runDir,
  runningFile,
} from '../storage/index.ts';
import type { ContainerStatus } from './types.ts';

/** A start that wrote no state within this time after its caller died has died with it. */
const START_GRACE_MS = 5000;

/** What is known of a container's life right now. */
export interface Life {
  status: ContainerStatus;
  /** Only while running. Its status tells a paused one: that runs too, but stands still. */
  state?: RunState;
  /** How the last run ended; only when it is not running. */
  exit?: ExitRecord;
  /** The run directory is there but nobody lives behind it: see sweep.ts. */
  dead: boolean;
  /** Somebody is starting it, or its monitor is clearing up: soon it runs, or the run directory is gone. */
  starting?: boolean;
  /** It ran when the machine went down, and /run went with it; its exit is not on disk yet: see sweep.ts. */
  lost?: boolean;
  /** Why the status is broken. */
  broken?: string;
}

export function monitorAlive(state: RunState): boolean {
  return isAlive({ pid: state.monitorPid, startTicks: state.monitorStartTicks, bootId: state.bootId });
}

/** True while the caller that prepared this run directory lives, or could have handed over a moment ago. */
function startingAlive(directory: string): boolean {
  try {
    if (isOwnerAlive(claimText(`${directory}/owner`) ?? '')) return true;
    // The mark's own time: the directory's changes with everybody who waits for a turn in it.
    return Date.now() - lstatSync(`${directory}/owner`).mtimeMs < START_GRACE_MS;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** How a run ended of which nothing is left but that it was there. */
export function lostAtRestart(): ExitRecord {
  return {
    exitCode: 255,
    signal: 0,
    oomKilled: false,
    finishedAt: new Date().toISOString(),
    note: 'the host was restarted',
  };
}

/** A damaged state.json: whoever wrote it may live, unless the machine was restarted since. */
function lifeOfBroken(directory: string, broken: string): Life {
  const bootedMs = Date.now() - builtin('node:os').uptime() * 1000;
  const changed = statSync(directory, { throwIfNoEntry: false });
  if (changed === undefined || changed.mtimeMs < bootedMs) return { status: 'stopped', dead: true };
  return { status: 'broken', dead: false, broken };
}

/** Status of a container, from its files and from /proc alone; changes nothing. */
export function lifeOf(paths: Paths, id: string): Life {
  const state = readState(paths, id);
  const directory = runDir(paths, id);
  if (state !== undefined && isBroken(state)) return lifeOfBroken(directory, state.broken);
  if (state !== undefined && monitorAlive(state)) {
    return state.status === 'running' || state.status === 'paused'
      ? { status: 'running', state, dead: false }
      : { status: 'created', dead: false, starting: true };
  }
  const there = existsSync(directory);
  const dead = there && (state !== undefined || !startingAlive(directory));
  const ranUnder = there ? undefined : readIfThere(runningFile(paths, id));
  if (ranUnder !== undefined && ranUnder !== currentBootId()) {
    return { status: 'stopped', exit: lostAtRestart(), dead: false, lost: true };
  }
  const exit = readExit(paths, id);
  const rest = there && !dead ? { dead, starting: true } : { dead };
  if (exit !== undefined) return { status: 'stopped', exit, ...rest };
  return { status: dead ? 'stopped' : 'created', ...rest };
}

/** Longer than a start may take: one that waits for its terminal gives up after 30 s. */
export const BUSY_MS = 40_000;
const LOOK_MS = 5;

/** Waits a moment before the next look; throws BUSY after `deadlineMs`. */
export async function waitTurn(deadlineMs: number, id: string): Promise<void> {
  if (Date.now() > deadlineMs) {
    throw new MydockerError('BUSY', `another command is busy with container ${id.slice(0, 12)}`, {
      subject: id,
      remedy: 'try again when it is done',
      exitCode: 1,
    });
  }
  await sleep(LOOK_MS);
}

/** The same once nobody is starting it any more. Throws BUSY. */
export async function settledLife(paths: Paths, id: string): Promise<Life> {
  const deadlineMs = Date.now() + BUSY_MS;
  for (;;) {
    const life = lifeOf(paths, id);
    if (life.starting !== true) return life;
    await waitTurn(deadlineMs, id);
  }
}

export function isBroken(record: object | Broken): record is Broken {
  return 'broken' in record;
}

/** Throws BROKEN_STATE (exit code 1) for a container of which nobody can tell whether it runs. */
export function refuseBroken(life: Life, name: string, what: string): void {
  if (life.status !== 'broken') return;
  throw new MydockerError('BROKEN_STATE', `cannot ${what} ${name}: it is broken: ${life.broken ?? ''}`, {
    subject: name,
    remedy: `remove it with: mydocker rm -f ${name}`,
    exitCode: 1,
  });
}

/** The record, or an error that says what to do: NO_SUCH_CONTAINER, BROKEN_RECORD. */
export function requireRecord(paths: Paths, id: string): ContainerRecord {
  const record = readRecord(paths, id);
  if (record === undefined) {
    throw new MydockerError('NO_SUCH_CONTAINER', `no such container: ${id.slice(0, 12)}`, {
      subject: id,
      exitCode: 1,
    });
  }
  if (isBroken(record)) {
    throw new MydockerError('BROKEN_RECORD', `container ${id.slice(0, 12)} is broken: ${record.broken}`, {
      subject: id,
      remedy: `remove it with: mydocker rm -f ${id.slice(0, 12)}`,
      exitCode: 1,
    });
  }
  return record;
}

/** Throws PAUSED (exit code 1) for a container that stands still. */
export function refusePaused(state: RunState | undefined, name: string, what: string): void {
  if (state?.status !== 'paused') return;
  throw new MydockerError('PAUSED', `cannot ${what} ${name}: the container is paused`, {
    subject: name,
    remedy: `let it go on with: mydocker unpause ${name}`,
    exitCode: 1,
  });
}

export function notRunning(name: string, what: string): MydockerError {
  return new MydockerError('NOT_RUNNING', `cannot ${what} ${name}: the container is not running`, {
    subject: name,
    remedy: `start it with: mydocker start ${name}`,
    exitCode: 1,
  });
}

/** The state of a running container, paused or not; or NOT_RUNNING (exit code 1). */
export function requireRunning(paths: Paths, id: string, name: string, what: string): RunState {
  const life = lifeOf(paths, id);
  refuseBroken(life, name, what);
  const { state } = life;
  if (state === undefined) throw notRunning(name, what);
  return state;
}
