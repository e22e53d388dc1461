import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { badInput, errnoOf } from '../base/index.ts';

/** Number of a signal given as "SIGTERM", "TERM", "term", "15" or "RTMIN+3". Throws BAD_INPUT. */
export function signalNumber(text: string): number {
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realtime = /^RTMIN(?:\+(\d+))?$/.exec(name);
  const known = (constants.signals as Record<string, number>)[`SIG${name}`];
  const number = /^\d+$/.test(name) ? Number(name) : realtime ? 34 + Number(realtime[1] ?? 0) : known;
  if (number === undefined || number < 1 || number > 64) {
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
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `signal ${number}`;
}

/**
 * True when process 1 of a pid namespace would never see this signal: the kernel drops what a namespace's init
 * neither handles nor blocks (pid_namespaces(7)). Read from /proc/PID/status.
 */
export function isSignalLost(pid: number, signal: number): boolean {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
  const bit = 1n << BigInt(signal - 1);
  const has = (field: string): boolean => {
    const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)`, 'm').exec(status)?.[1];
    return mask !== undefined && (BigInt(`0x${mask}`) & bit) !== 0n;
  };
  return !has('SigCgt') && !has('SigBlk');
}
