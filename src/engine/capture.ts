import { closeSync } from 'node:fs';
import { writeWhole } from '../base/index.ts';
import { openUnnamed, readWhole } from '../shim/index.ts';
import type { Containers } from './containers.ts';
import type { Core } from './core.ts';
import { type Ready, withReady } from './ready.ts';
import type { ContainerSpec, ExecSpec, Output, Running, RunResult, StreamFds } from './types.ts';

/** Options of `engine.run()`: a container's, and what goes in. */
export interface LibraryRunOptions
  extends Omit<ContainerSpec, 'image' | 'command' | 'tty' | 'stdin' | 'autoRemove'> {
  /** Standard input: all of it. Default: none. */
  input?: string | Uint8Array;
  /** Kills the program; run() rejects with its reason. */
  signal?: AbortSignal;
}

/** Options of a library exec. */
export interface LibraryExecOptions extends Omit<ExecSpec, 'command' | 'tty' | 'stdin'> {
  input?: string | Uint8Array;
  signal?: AbortSignal;
}

class Captured implements Output {
  constructor(readonly bytes: Uint8Array) {}
  get text(): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength).toString('utf8');
  }
}

/** Output goes to files without a name: no pipe to drain, no limit but the disk's, nothing left if we are killed. */
export async function capture(
  core: Core,
  options: { input?: string | Uint8Array | undefined; signal?: AbortSignal | undefined },
  launch: (fds: StreamFds) => Promise<Running>,
  ready?: Ready,
): Promise<RunResult> {
  options.signal?.throwIfAborted();
  core.prepare();
  const directory = `${core.root}/bin`;
  const opened: number[] = [];
  const open = (): number => {
    const fd = openUnnamed(directory);
    opened.push(fd);
    return fd;
  };
  try {
    const stdout = ready?.stdout ?? open();
    const stderr = ready?.stderr ?? open();
    let stdin: number | 'ignore' = 'ignore';
    if (options.input !== undefined) {
      stdin = ready?.takeStdin() ?? open();
      writeWhole(stdin, Buffer.from(options.input));
    }
    const running = await launch({ stdin, stdout, stderr, ...(ready === undefined ? {} : { ready }) });
    const abort = (): void => running.signal(9);
    options.signal?.addEventListener('abort', abort, { once: true });
    // It may have come while the shim was started.
    if (options.signal?.aborted === true) abort();
    try {
      const exitCode = await running.exit;
      options.signal?.throwIfAborted();
      return { exitCode, stdout: new Captured(readWhole(stdout)), stderr: new Captured(readWhole(stderr)) };
    } finally {
      options.signal?.removeEventListener('abort', abort);
    }
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}

export function runCaptured(
  core: Core,
  containers: Containers,
  image: string,
  argv: readonly string[],
  options: LibraryRunOptions,
): Promise<RunResult> {
  const { input, signal, ...rest } = options;
  const spec: ContainerSpec = { ...rest, image, command: argv, stdin: input !== undefined, autoRemove: true };
  return withReady(core, (ready) =>
    capture(core, { input, signal }, (fds) => containers.run(spec, 'inherit', fds), ready),
  );
}
