import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';

let bootId: string | undefined;

/** Identity of this boot of the kernel: pids and start times of another boot mean nothing. */
export function currentBootId(): string {
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return bootId;
}

/**
 * Start time in clock ticks since boot (proc(5), stat field 22), or undefined when there is no such process. A zombie is
 * none: it has ended and will do nothing more, only its parent has not asked yet, and may never.
 */
export function startTicks(pid: number | 'self'): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses and may hold anything, ")" too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return undefined;
    throw error;
  }
}

/** True only if pid, start time and boot agree: a number alone may be somebody else by now. */
export function isAlive(mark: { pid: number; startTicks: number; bootId: string }): boolean {
  return mark.bootId === currentBootId() && startTicks(mark.pid) === mark.startTicks;
}
