import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { errnoOf, writeWhole } from '../base/index.ts';
import { encodePlan, type Fault, PLAN_FLAGS, type Plan } from '../plan/index.ts';
import { shimBinary } from './assets.ts';
import { decodeReport, type Report } from './report.ts';
import { type ShimFds, spawnShim } from './spawn.ts';

/** A file without a name (open(2), O_TMPFILE): gone with its last descriptor, whatever is killed. */
export function openUnnamed(directory: string): number {
  const O_TMPFILE = 0o20200000;
  return openSync(directory, O_TMPFILE | constants.O_RDWR, 0o600);
}

/**
 * The same for a plan or a report: in memory where that is possible, so that a full disk hinders nobody from removing
 * containers. `directory` where /dev/shm cannot be used.
 */
export function openSmall(directory: string): number {
  try {
    return openUnnamed('/dev/shm');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return openUnnamed(directory);
  }
}

/** Written before anything is reported. */
export const REPORT_BYTES = 4096;

/**
 * The file the shim reports into, its first page written already: on a disk that is full by then, the reason
 * can still be told.
 */
export function openReport(directory: string): number {
  const fd = openSmall(directory);
  writeWhole(fd, Buffer.alloc(REPORT_BYTES));
  return fd;
}

/** Everything in a file, whatever the descriptor's position. */
export function readWhole(fd: number): Buffer {
  const size = fstatSync(fd).size;
  const buffer = Buffer.alloc(size);
  let have = 0;
  while (have < size) {
    const n = readSync(fd, buffer, have, size - have, have);
    if (n === 0) break;
    have += n;
  }
  return buffer.subarray(0, have);
}

/** How to start the shim. */
export interface ShimStart {
  /** Root directory of the engine: the shim's file lies in its bin/. */
  root: string;
  /** launch: becomes a monitor. run: ends with its plan. undo: the undo steps of a dead monitor's plan. */
  mode: 'launch' | 'run' | 'undo';
  /** Second word in the process list. */
  title: string;
  /** The encoded plan; or planFd. */
  plan?: Buffer;
  planFd?: number;
  stdin?: number | 'ignore';
  stdout?: number | 'ignore';
  stderr?: number | 'ignore';
  /** Takes the report; without it a file of its own. Belongs to the start from then on. */
  report?: number;
  /** This process is about to become the front: until the program runs, the shim ends when this process does. */
  fronted?: boolean;
  /** Descriptors for the program, beyond those three. */
  more?: readonly number[];
}

export interface ShimRun {
  pid: number;
  /** Resolves when the shim's own process has ended; a detached one ends as soon as the program runs. */
  done: Promise<Report>;
}

/** Hands the plan over and starts. Synchronous up to the spawn, so that nothing waits for the event loop. */
export function startShim(start: ShimStart): ShimRun {
  const directory = `${start.root}/bin`;
  const binary = shimBinary(start.root);
  const report = start.report ?? openReport(directory);
  const planFd = start.planFd ?? openSmall(directory);
  if (start.plan !== undefined) writeWhole(planFd, start.plan);
  const fds: ShimFds = {
    stdin: start.stdin ?? 'ignore',
    stdout: start.stdout ?? 'ignore',
    stderr: start.stderr ?? 'ignore',
    plan: planFd,
    report,
    ...(start.more === undefined ? {} : { more: start.more }),
  };
  const words = [start.mode, start.title, ...(start.fronted === true ? [String(process.pid)] : [])];
  try {
    const child = spawnShim(binary, words, fds);
    const done = child.exit.then(() => decodeReport(readWhole(report))).finally(() => closeSync(report));
    return { pid: child.pid, done };
  } catch (error) {
    closeSync(report);
    throw error;
  } finally {
    if (start.planFd === undefined) closeSync(planFd);
  }
}

/** The plan's bytes for a launch. `withReasons`: see encodePlan(). */
export function encodeLaunch(
  plan: Plan,
  options: { detach: boolean; withReasons?: boolean; fault: Fault | undefined },
): Buffer {
  const { detach, withReasons = false, fault } = options;
  return encodePlan(plan, { flags: detach ? PLAN_FLAGS.detach : 0, fault, withReasons });
}
