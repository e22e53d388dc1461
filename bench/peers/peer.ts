/** What the bench asks of a container tool. */
import { accessSync, constants } from 'node:fs';
import { type Command, output } from '../command.ts';
import type { Place } from '../place.ts';
import type { ImageTool } from './image-tool.ts';

export const IMAGE = 'busybox';
export const ROOTFS_TAR = 'dist/assets/busybox.tar';
/** Longer than any bench. */
export const IDLE = ['sleep', '100000'] as const;

/** A tool that keeps containers: `create`, `ps`, many at once. */
export interface Store {
  /** Commands that all end at once when the container exists, or runs. */
  create(): Command;
  start(ids: readonly string[]): Command;
  /** `run -d` of an idle program. */
  runIdle(): Command;
  /** `ps` with stopped ones too. */
  list(): Command;
  /** Full ids of all, or of those that run. */
  ids(running: boolean): Promise<string[]>;
  removeAll(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** Makes it ready, image and all; throws with the tool's own words. */
  open(): Promise<void>;
  /** Removes its containers and ends its daemon. Called after a failed open too. */
  close(): Promise<void>;
  /** One line: versions of what takes part. */
  version(): Promise<string>;
  /** `run --rm --network none busybox true`. */
  runTrue(): Command;
  /** Starts the idle container that `exec` and `monitor` are about. */
  openIdle(): Promise<void>;
  /** `exec` of true in it. */
  execTrue(): Command;
  /** Host pid of the process that watches it; absent: this tool has none. */
  monitorPid?(): Promise<number>;
  readonly store?: Store;
  /** Absent: this tool fetches no images. */
  readonly images?: ImageTool;
  /** `run --rm` of a static program of the host, mounted read-only; absent: not measured with this tool. */
  runProgram?(path: string, args: readonly string[], flags: readonly string[]): Command;
  /** `run --rm` of a command with a memory limit. */
  runLimited?(memoryBytes: number, words: readonly string[]): Command;
}

/** Full path of a program, or undefined. */
export function which(place: Place, program: string): string | undefined {
  for (const directory of (place.env.PATH ?? '').split(':')) {
    try {
      accessSync(`${directory}/${program}`, constants.X_OK);
      return `${directory}/${program}`;
    } catch {
      // Not here, or not ours to run: the next one.
    }
  }
  return undefined;
}

/** Splits lines into words, dropping empty ones. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** The part that mydocker, docker and podman have in common: the same words on the command line. */
export function dockerLike(
  head: readonly string[],
  env: Readonly<Record<string, string>>,
  runFlags: readonly string[],
): Pick<Peer, 'runTrue' | 'openIdle' | 'execTrue' | 'runProgram' | 'runLimited'> & {
  store: Store;
  containerPid(): Promise<number>;
} {
  const command = (...args: readonly string[]): Command => ({ argv: [...head, ...args], env });
  const run = (...args: readonly string[]) => command('run', '--network', 'none', ...runFlags, ...args);
  const ids = async (running: boolean): Promise<string[]> =>
    words(
      await output(
        command('ps', '-a', '-q', '--no-trunc', ...(running ? ['--filter', 'status=running'] : [])),
      ),
    );
  return {
    runTrue: () => run('--rm', IMAGE, 'true'),
    runProgram: (path, args, flags) =>
      run('--rm', ...flags, '-v', `${path}:/program:ro`, IMAGE, '/program', ...args),
    runLimited: (memoryBytes, argv) => run('--rm', '-m', String(memoryBytes), IMAGE, ...argv),
    openIdle: async () => {
      await output(run('-d', '--name', 'idle', IMAGE, ...IDLE));
    },
    execTrue: () => command('exec', 'idle', 'true'),
    containerPid: async () => Number(await output(command('inspect', '--format', '{{.State.Pid}}', 'idle'))),
    store: {
      create: () => command('create', '--network', 'none', ...runFlags, IMAGE, ...IDLE),
      start: (list) => command('start', ...list),
      runIdle: () => run('-d', IMAGE, ...IDLE),
      list: () => command('ps', '-a'),
      ids,
      removeAll: async () => {
        const list = await ids(false);
        if (list.length > 0) await output(command('rm', '-f', ...list));
      },
    },
  };
}
