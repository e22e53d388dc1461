import type { Running, StreamFds } from '../engine/index.ts';
import type { Context } from './spec.ts';

/** The word that a front gives back: no command's name begins so. */
export const ENDED = '!ended';

/** The part of a runtime that can become another program: Bun, and Node from 23.11 on. */
interface Replaceable {
  execve?(file: string, argv: readonly string[], env: NodeJS.ProcessEnv): never;
}

/** Makes this process another program, with variables beside its own. Returns where that cannot be. */
export function become(file: string, argv: readonly string[], more: NodeJS.ProcessEnv = {}): void {
  try {
    (process as Replaceable).execve?.(file, argv, { ...process.env, ...more });
  } catch {
    // It goes on as it is.
  }
}

/** The streams of a program in the foreground, when this process has nothing else to do but to wait for it. */
export function frontedStreams(): StreamFds {
  const canBecome = (process as Replaceable).execve !== undefined;
  return { stdin: 0, stdout: 1, stderr: 2, fronted: canBecome };
}

/**
 * Makes this process the front of a program that was started with frontedStreams(). Returns where that cannot be: then
 * this process waits itself. `what` tells src/cli/ended.ts what was started.
 */
export function becomeFront(context: Context, running: Running, what: 'run' | 'exec'): void {
  const { root, debug } = context.globals;
  const { front } = running;
  if (front === undefined || front.files.isOver) return;
  const globals = [...(root === undefined ? [] : ['--root', root]), ...(debug ? ['--debug'] : [])];
  const { report, plan } = front.files;
  const back = [process.execPath, ...globals, ENDED, what, running.id, running.name, report, plan];
  const { file, argv } = front.call([...back, ...process.argv.slice(2)]);
  become(file, argv);
}
