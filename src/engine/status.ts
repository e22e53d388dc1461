import { existsSync, readFileSync, statSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import {
  type Broken,
  type ContainerRecord,
  type ExitRecord,
  isAlive,
  isOwnerAlive,
  type Paths,
  type RunState,
  readExit,
  readRecord,
  readState,
  runDir,
} from '../storage/index.ts';
import type { ContainerStatus } from './types.ts';

/** A start that wrote no state within this time after its caller died has died with it. */
const START_GRACE_MS = 5000;

/** What is known of a container's life right now. */
export interface Life {
  status: ContainerStatus;
  /** Only while running. */
  state?: RunState;
  /** How the last run ended; only when it is not running. */
  exit?: ExitRecord;
  /** The run directory is there but nobody lives behind it: see sweep.ts. */
  dead: boolean;
}

export function monitorAlive(state: RunState): boolean {
  return isAlive({ pid: state.monitorPid, startTicks: state.monitorStartTicks, bootId: state.bootId });
}

/** True while the caller that prepared this run directory lives, or could have handed over a moment ago. */
function startingAlive(directory: string): boolean {
  try {
    if (isOwnerAlive(readFileSync(`${directory}/owner`, 'utf8'))) return true;
    return Date.now() - statSync(directory).mtimeMs < START_GRACE_MS;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Status of a container, from its files and from /proc alone; changes nothing. */
export function lifeOf(paths: Paths, id: string): Life {
  const state = readState(paths, id);
  if (state !== undefined && monitorAlive(state)) {
    return state.status === 'running'
      ? { status: 'running', state, dead: false }
      : { status: 'created', dead: false };
  }
  const directory = runDir(paths, id);
  const there = existsSync(directory);
  const dead = there && (state !== undefined || !startingAlive(directory));
  const exit = readExit(paths, id);
  if (exit !== undefined) return { status: 'stopped', exit, dead };
  return { status: dead ? 'stopped' : 'created', dead };
}

export function isBroken(record: ContainerRecord | Broken): record is Broken {
  return 'broken' in record;
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

/** The state of a running container, or NOT_RUNNING (exit code 1). */
export function requireRunning(paths: Paths, id: string, name: string, what: string): RunState {
  const { state } = lifeOf(paths, id);
  if (state === undefined) {
    throw new MydockerError('NOT_RUNNING', `cannot ${what} ${name}: the container is not running`, {
      subject: name,
      remedy: `start it with: mydocker start ${name}`,
      exitCode: 1,
    });
  }
  return state;
}
