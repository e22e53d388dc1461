import { builtin } from '../base/index.ts';

/** Descriptors of the child: numbers are the caller's own, 'ignore' is /dev/null. */
export interface ShimFds {
  stdin: number | 'ignore';
  stdout: number | 'ignore';
  stderr: number | 'ignore';
  plan: number;
  report: number;
  /** Further ones, from 5 on. */
  more?: readonly number[];
}

export interface ShimChild {
  pid: number;
  /** Exit status of the child; signals count as 128+n. */
  exit: Promise<number>;
}

/** The part of Bun used where the program runs under it: its own spawn saves 3 ms against node:child_process there. */
interface BunSpawn {
  spawn(
    argv: string[],
    options: { stdio: ReadonlyArray<number | 'ignore'>; env: Record<string, string>; cwd: string },
  ): { pid: number; exited: Promise<number>; signalCode: string | null };
}

/** Starts the shim with nothing of the caller's environment. */
export function spawnShim(binary: string, args: readonly string[], fds: ShimFds): ShimChild {
  const stdio = [fds.stdin, fds.stdout, fds.stderr, fds.plan, fds.report, ...(fds.more ?? [])];
  const bun = (globalThis as { Bun?: BunSpawn }).Bun;
  if (bun !== undefined) {
    const child = bun.spawn([binary, ...args], { stdio, env: {}, cwd: '/' });
    return { pid: child.pid, exit: child.exited };
  }
  const child = builtin('node:child_process').spawn(binary, [...args], { stdio, env: {}, cwd: '/' });
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 255 : 137)));
  });
  return { pid: child.pid ?? 0, exit };
}
