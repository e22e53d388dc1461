import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';

/** What `ps -ef` shows, in its order: no ps(1) is needed for it. */
export const PS_TITLES = ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD'] as const;

/** Clock ticks a second in what the kernel shows: USER_HZ, 100 on every machine here. */
const TICKS = 100;

/** What all rows of one table share. */
export interface PsClock {
  nowMs: number;
  /** Unix seconds at which this machine started. */
  bootS: number;
  /** Names by uid, from the host's passwd. */
  users: ReadonlyMap<string, string>;
}

/** "root:x:0:0:…" -> 0 root. */
export function usersOf(passwd: string): Map<string, string> {
  return new Map(
    passwd.split('\n').flatMap((line): Array<[string, string]> => {
      const [name, , uid] = line.split(':');
      return name === undefined || uid === undefined ? [] : [[uid, name]];
    }),
  );
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ESRCH') return undefined;
    throw error;
  }
}

export function psClock(): PsClock {
  const boot = /^btime (\d+)/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? '0';
  return { nowMs: Date.now(), bootS: Number(boot), users: usersOf(readOr('/etc/passwd') ?? '') };
}

/** tty_nr of proc(5): minor in bits 31-20 and 7-0, major in 15-8. */
export function ttyName(number: number): string {
  const major = (number >> 8) & 0xff;
  const minor = ((number >>> 12) & 0xfff00) | (number & 0xff);
  if (major >= 136 && major <= 143) return `pts/${minor + (major - 136) * 256}`;
  return major === 4 && minor < 64 ? `tty${minor}` : '?';
}

/** "[DD-]hh:mm:ss". */
export function cpuTime(ticks: number): string {
  const seconds = Math.floor(ticks / TICKS);
  const two = (n: number): string => String(Math.floor(n)).padStart(2, '0');
  const days = Math.floor(seconds / 86_400);
  const rest = `${two((seconds % 86_400) / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
  return days === 0 ? rest : `${days}-${rest}`;
}

/** "hh:mm" today, "Nov25" this year, else the year; local time. */
export function startTime(startMs: number, nowMs: number): string {
  const [start, now] = [new Date(startMs), new Date(nowMs)];
  const two = (n: number): string => String(n).padStart(2, '0');
  if (start.toDateString() === now.toDateString())
    return `${two(start.getHours())}:${two(start.getMinutes())}`;
  if (start.getFullYear() !== now.getFullYear()) return String(start.getFullYear());
  return `${start.toLocaleString('en', { month: 'short' })}${two(start.getDate())}`;
}

/** One row of `ps -ef`; undefined once the process is gone. */
export function fullRow(pid: number, clock: PsClock): string[] | undefined {
  const stat = readOr(`/proc/${pid}/stat`);
  const status = readOr(`/proc/${pid}/status`);
  const cmdline = readOr(`/proc/${pid}/cmdline`);
  if (stat === undefined || status === undefined || cmdline === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold anything, ")" too.
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (number: number): number => fields[number - 3] ?? 0;
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? '';
  const ticks = field(14) + field(15);
  const startMs = clock.bootS * 1000 + (field(22) / TICKS) * 1000;
  const elapsedS = Math.max(1, (clock.nowMs - startMs) / 1000);
  const words = cmdline.split('\0').join(' ').trim();
  return [
    clock.users.get(uid) ?? uid,
    String(pid),
    String(field(4)),
    String(Math.min(99, Math.floor(ticks / elapsedS))),
    startTime(startMs, clock.nowMs),
    ttyName(field(7)),
    cpuTime(ticks),
    words === '' ? `[${name}]` : words,
  ];
}
