import { readdirSync, readlinkSync } from 'node:fs';
import type { Running, StreamFds } from '../engine/index.ts';
import type { Flags } from './parse.ts';
import type { Context } from './spec.ts';

/** The word that a front gives back: no command's name begins so. */
export const ENDED = '!ended';

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

/**
 * Whoever starts a command may keep something open in it (a lock, `exec 9>file; flock 9`): it is to stay so until the
 * command ends, and would not survive execve(2). What the runtime itself has open has no path.
 */
function holdsForeign(): boolean {
  return readdirSync('/proc/self/fd').some((name) => {
    if (Number(name) < 3) return false;
    try {
      const what = readlinkSync(`/proc/self/fd/${name}`);
      return !what.startsWith('anon_inode:') && what !== '/dev/null' && !/^\/proc\/\d+\/fd$/.test(what);
    } catch {
      // The descriptor of that list itself.
      return false;
    }
  });
}

/** Options after which the start has more to do than to wait, or which name what can be read but once. */
const STAYS = ['cidfile', 'env-file', 'publish', 'publish-all'];

/** True where this process can become the front of its program: the one-file executable, with nothing else to do. */
export function canBecomeFront(flags: Flags): boolean {
  const isExecutable = process.argv[1]?.startsWith('/$bunfs/') === true;
  const canBecome = (process as Replaceable).execve !== undefined;
  return isExecutable && canBecome && !STAYS.some((name) => flags.has(name)) && !holdsForeign();
}

/** The streams of such a program. */
export const FRONTED: StreamFds = { stdin: 0, stdout: 1, stderr: 2, fronted: true };

/**
 * Makes this process the front of a program that was started with FRONTED. Returns where that cannot be, with the exit
 * code: then this process has waited itself. `what` tells src/cli/ended.ts what was started.
 */
export async function becomeFront(context: Context, what: 'run' | 'exec', running: Running): Promise<number> {
  const { root, debug } = context.globals;
  const { front, id, name } = running;
  if (front !== undefined && !front.files.isOver) {
    const globals = [...(root === undefined ? [] : ['--root', root]), ...(debug ? ['--debug'] : [])];
    const { report, plan } = front.files;
    const back = [process.execPath, ...globals, ENDED, what, id, name, report, plan];
    const { file, argv } = front.call([...back, ...process.argv.slice(2)]);
    become(file, argv);
    front.goOn();
  }
  const { follow } = await import('./drive.ts');
  return follow(Promise.resolve(running), {
    how: 'inherit',
    tty: false,
    stdin: false,
    detachKeys: undefined,
  });
}
