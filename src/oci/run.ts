import { type CreateOptions, lost, make } from './create.ts';
import { type OciRuntime, runSteps } from './runtime.ts';
import { Entry } from './store.ts';

/** A container that runs in the foreground. */
export interface Foreground {
  /** Exit code of its program, when everything is taken back. */
  exit: Promise<number>;
  /** Sends its process 1 a signal; one that comes too early or too late is dropped. */
  signal(number: number): void;
}

async function send(runtime: OciRuntime, id: string, signal: number): Promise<void> {
  const entry = new Entry(runtime.root, id);
  const record = entry.record();
  if (record === undefined) return;
  await runSteps(runtime, `cannot signal container "${id}"`, [
    { op: 'open-process', pid: record.pid, startTicks: record.startTicks, slot: 0, why: 'its process 1' },
    { op: 'signal', slot: 0, signal, why: 'passed on' },
  ]);
}

/** `run`: create and start in one. Detached it resolves when the program runs. */
export async function run(runtime: OciRuntime, options: CreateOptions, detach: boolean): Promise<Foreground> {
  const { done } = await make(runtime, options, detach ? 'detached' : 'foreground');
  if (detach) {
    const report = await done;
    if (report.startedPid === undefined) throw lost(options.id);
    return { exit: Promise.resolve(0), signal: () => undefined };
  }
  const exit = done.then((report) => {
    if (report.ending === undefined) throw lost(options.id);
    return report.ending.code;
  });
  return {
    exit,
    // The program may end while the signal is on its way: `exit` tells.
    signal: (number) => void send(runtime, options.id, number).catch(() => undefined),
  };
}
