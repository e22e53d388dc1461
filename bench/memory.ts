import { readFileSync } from 'node:fs';

/** Pid of the parent, proc_pid_status(5). */
export function parentPid(pid: number): number {
  const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  if (parent === undefined || Number(parent) <= 1) throw new Error(`process ${pid} has no monitor above it`);
  return Number(parent);
}

/** The most memory a process ever had at once, in kB: proc_pid_status(5) VmHWM; 0 when it has ended. */
export function peakKb(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Proportional set size of a process in kB: its own pages, and its share of those it shares. */
export function pssKb(pid: number): number {
  const kb = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  if (kb === undefined) throw new Error(`process ${pid} tells no Pss`);
  return Number(kb);
}
