import { readFileSync } from 'node:fs';
import { errnoOf, randomHex } from '../base/index.ts';

/** Start time of a process in clock ticks since boot, or undefined when there is none. proc(5), stat field 22. */
function startTicksOf(pid: number | 'self'): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return undefined;
    throw error;
  }
  // The second field is the program's name in parentheses and may hold anything, ")" too.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

let mark: string | undefined;

/** "pid-startticks" of this process: written into what must be swept after its owner died. */
export function ownMark(): string {
  mark ??= `${process.pid}-${startTicksOf('self') ?? '0'}`;
  return mark;
}

/** False when the process that wrote this mark has ended; also for text that is no mark. A pid alone can be reused. */
export function isOwnerAlive(mark: string): boolean {
  const match = /^(\d+)-(\d+)$/.exec(mark);
  if (match === null) return false;
  return startTicksOf(Number(match[1])) === match[2];
}

/** A new name for something unfinished: ".tmp-<pid>-<start ticks>-<random>". */
export function stagingName(): string {
  return `.tmp-${ownMark()}-${randomHex(6)}`;
}

/** True for a staging name whose owner has ended: nobody will finish it. */
export function isAbandoned(name: string): boolean {
  const match = /^\.tmp-(\d+-\d+)-[0-9a-f]+$/.exec(name);
  return match?.[1] !== undefined && !isOwnerAlive(match[1]);
}
