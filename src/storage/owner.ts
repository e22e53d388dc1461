import { randomHex } from '../base/index.ts';
import { startTicks } from './liveness.ts';

let mark: string | undefined;

/** "pid-startticks" of this process: written into what must be swept after its owner died. */
export function ownMark(): string {
  mark ??= `${process.pid}-${startTicks('self') ?? 0}`;
  return mark;
}

/**
 * False when the process that wrote this mark has ended, be it waited for or not; also for text that is no mark. A pid
 * alone can be reused.
 */
export function isOwnerAlive(mark: string): boolean {
  const match = /^(\d+)-(\d+)$/.exec(mark);
  if (match === null) return false;
  return startTicks(Number(match[1])) === Number(match[2]);
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
