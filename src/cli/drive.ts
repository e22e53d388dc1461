import { badInput } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import type { How, Running } from '../engine/index.ts';
import { warn } from './out.ts';
import type { Flags } from './parse.ts';
import { onSignals } from './signals.ts';

/** How the program's streams are connected, from `-d`, `-i` and `-t`. Throws as Docker does for `-it` without a terminal. */
export function howFromFlags(flags: Flags): How {
  if (flags.bool('detach')) return 'detached';
  if (!flags.bool('tty')) return howWithoutTty(flags.bool('interactive'));
  if (flags.bool('interactive') && process.stdin.isTTY !== true) {
    throw badInput('the input device is not a TTY', {
      subject: '-t',
      remedy: 'leave -t out when standard input is a file or a pipe',
    });
  }
  return 'session';
}

/**
 * A monitor is in no shell's job: it would go on reading the terminal after Ctrl-Z or from the background, and take
 * what is typed for the shell. So this process reads a terminal, cooked as it is, and is stopped with its job.
 */
export function howWithoutTty(stdin: boolean): How {
  return stdin && builtin('node:tty').isatty(0) ? 'session' : 'inherit';
}

/** What driving a started program needs to know. */
export interface Attached {
  readonly how: How;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detachKeys: string | undefined;
}

/**
 * Waits for a program started in the foreground and returns its exit code (0 after detaching).
 * Takes the promise, so that signals that arrive during the start are kept for the program.
 */
export async function follow(starting: Promise<Running>, attached: Attached): Promise<number> {
  if (attached.how === 'session') return followSession(starting, attached);
  let running: Running | undefined;
  const early: number[] = [];
  const stopForwarding = onSignals((signal) => {
    if (running === undefined) early.push(signal);
    else running.signal(signal);
  });
  try {
    running = await starting;
    for (const note of running.notes) warn(note);
    for (const signal of early) running.signal(signal);
    return await running.exit;
  } finally {
    stopForwarding();
  }
}

async function followSession(starting: Promise<Running>, attached: Attached): Promise<number> {
  const running = await starting;
  for (const note of running.notes) warn(note);
  if (running.session === undefined) return running.exit;
  const { driveSession } = await import('./terminal.ts');
  return (await driveSession(running.session, attached)) ?? 0;
}
