import { readFileSync } from 'node:fs';
import { badInput, errnoOf, SIGNALS, signalOf } from '../base/index.ts';

/** Number of a signal given as "SIGTERM", "TERM", "term", "15" or "RTMIN+3". Throws BAD_INPUT. */
export function signalNumber(text: string): number {
  const number = signalOf(text);
  if (number === undefined) {
    throw badInput(`unknown signal "${text}"`, {
      subject: text,
      remedy: 'use a name like TERM or a number from 1 to 64',
      exitCode: 1,
    });
  }
  return number;
}

/** "SIGTERM" for 15. */
export function signalName(number: number): string {
  const found = Object.entries(SIGNALS).find(([, value]) => value === number);
  return found === undefined ? `signal ${number}` : `SIG${found[0]}`;
}

/** Number of rt_sigtimedwait(2), by architecture. */
const SIGTIMEDWAIT: Readonly<Record<string, string>> = { x64: '128', arm64: '137' };

/** A file of /proc/PID, "" once the process is gone. */
function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return '';
    throw error;
  }
}

/**
 * True when process 1 of a pid namespace would never see this signal: the kernel drops what a namespace's init
 * neither handles nor blocks (pid_namespaces(7)). Read from /proc/PID/status.
 */
export function isSignalLost(pid: number, signal: number): boolean {
  // An init that waits with sigwaitinfo(2), as tini and our own do: the kernel counts what it waits for as blocked,
  // but SigBlk does not show it meanwhile (real_blocked in kernel/signal.c).
  if (procFile(pid, 'syscall').split(' ')[0] === SIGTIMEDWAIT[process.arch]) return false;
  const status = procFile(pid, 'status');
  if (status === '') return false;
  const bit = 1n << BigInt(signal - 1);
  const has = (field: string): boolean => {
    const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & bit) !== 0n;
  };
  return !has('SigCgt') && !has('SigBlk');
}
