import { errnoName } from '../base/index.ts';

/** A failed step, as the shim reports it. */
export interface Failure {
  /** Index in the plan; undefined: no step's fault (the plan itself, or the child was killed). */
  index: number | undefined;
  errno: string;
  /** exec: the file that was tried last. */
  path: string;
  /** exec: its first bytes. */
  head: Buffer;
}

/** How a program ended. */
export interface Ending {
  /** 0–255; 128+n by signal n. */
  code: number;
  signal: number;
  oomKilled: boolean;
}

/** A stream of the caller that took no more output, for another reason than that its reader is gone. */
export interface OutputLost {
  stream: 1 | 2;
  errno: string;
}

/** A hook that failed without stopping anything. */
export interface HookFailure {
  path: string;
  /** "exit status 3", "killed by signal 9", "timed out". */
  how: string;
  output: string;
}

export interface Report {
  startedPid: number | undefined;
  ready: boolean;
  failure: Failure | undefined;
  undoFailure: { index: number; errno: string } | undefined;
  ending: Ending | undefined;
  outputLost: OutputLost | undefined;
  hookFailures: HookFailure[];
}

const NO_STEP = 0xffffffff;

/** The failure payload: u32 step, u32 errno, u16 path length, path, first bytes of the file. */
export function decodeFailure(data: Buffer): Failure {
  const index = data.readUInt32LE(0);
  const pathBytes = data.length >= 10 ? data.readUInt16LE(8) : 0;
  return {
    index: index === NO_STEP ? undefined : index,
    errno: errnoName(data.readUInt32LE(4)),
    path: data.toString('utf8', 10, 10 + pathBytes),
    head: Buffer.from(data.subarray(10 + pathBytes)),
  };
}

/** How a hook ended: a wait status, wait(2), or a negative errno. */
export function sayWaitStatus(status: number): string {
  if (status < 0) return errnoName(-status) === 'ETIMEDOUT' ? 'timed out' : errnoName(-status);
  const signal = status & 0x7f;
  return signal === 0 ? `exit status ${(status >> 8) & 0xff}` : `killed by signal ${signal}`;
}

/** The warning payload: i32 status, u16 path length, path, what it printed. */
function decodeHookFailure(data: Buffer): HookFailure {
  const pathBytes = data.readUInt16LE(4);
  return {
    how: sayWaitStatus(data.readInt32LE(0)),
    path: data.toString('utf8', 6, 6 + pathBytes),
    output: data.toString('utf8', 6 + pathBytes).trim(),
  };
}

export function decodeEnding(data: Buffer): Ending {
  return { code: data.readUInt32LE(0), signal: data.readUInt32LE(4), oomKilled: data.readUInt32LE(8) !== 0 };
}

/** Reads the records the shim wrote: u32 kind, u32 length, data. A torn last record is left out. */
export function decodeReport(bytes: Buffer): Report {
  const report: Report = {
    startedPid: undefined,
    ready: false,
    failure: undefined,
    undoFailure: undefined,
    ending: undefined,
    outputLost: undefined,
    hookFailures: [],
  };
  for (let at = 0; at + 8 <= bytes.length; ) {
    const kind = bytes.readUInt32LE(at);
    const size = bytes.readUInt32LE(at + 4);
    const data = bytes.subarray(at + 8, at + 8 + size);
    // Zeros are the page written in advance: the end.
    if (kind === 0 || data.length < size) break;
    if (kind === 1) report.startedPid = data.readUInt32LE(0);
    else if (kind === 2) report.failure = decodeFailure(data);
    else if (kind === 3) report.ending = decodeEnding(data);
    else if (kind === 4)
      report.undoFailure = { index: data.readUInt32LE(0), errno: errnoName(data.readUInt32LE(4)) };
    else if (kind === 5) report.ready = true;
    else if (kind === 6)
      report.outputLost = {
        stream: data.readUInt32LE(0) === 1 ? 1 : 2,
        errno: errnoName(data.readUInt32LE(4)),
      };
    else if (kind === 7) report.hookFailures.push(decodeHookFailure(data));
    at += 8 + size;
  }
  return report;
}
