import { closeSync, openSync } from 'node:fs';
import type { Fault } from '../plan/index.ts';
import { type Action, encodePlan, type Plan, type StepNotes, steps } from '../plan/index.ts';
import { type Report, startShim, stepError } from '../shim/index.ts';
import { cgroups } from './host.ts';
import { Entry, entries, type OciRecord, ociError, type Status } from './store.ts';

/** What every command knows: where containers are, and how to tell what is wrong but no error. */
export interface OciRuntime {
  /** Directory of the containers' directories. */
  root: string;
  /** Directory with the shim's file. */
  engineRoot: string;
  systemdCgroup: boolean;
  warn(message: string): void;
  /** The caller's terminal, when a container's is passed on to it: its size, and raw until the result is called. */
  ownTerminal?(): { rows: number; cols: number; raw(): () => void } | undefined;
  fault: Fault | undefined;
}

/** Warnings of hooks that failed without stopping anything. */
export function tellHooks(runtime: OciRuntime, report: Report): void {
  for (const { path, how, output } of report.hookFailures)
    runtime.warn(`hook ${path} failed: ${how}${output === '' ? '' : `: ${output}`}`);
}

/** Carries out steps on the host. Throws the error of the step that failed. */
export async function runSteps(
  runtime: OciRuntime,
  what: string,
  list: ReadonlyArray<Action & StepNotes>,
): Promise<void> {
  const plan: Plan = { steps: steps('host', ...list) };
  const { done } = startShim({ root: runtime.engineRoot, mode: 'run', title: 'oci', plan: encodePlan(plan) });
  const report = await done;
  tellHooks(runtime, report);
  if (report.failure !== undefined) throw stepError(what, plan, report.failure);
}

/** Carries out what takes a container back: the undos of its plan. */
export async function takeBack(runtime: OciRuntime, entry: Entry): Promise<void> {
  const planFd = openSync(`${entry.dir}/plan`, 'r');
  try {
    const { done } = startShim({
      root: runtime.engineRoot,
      mode: 'undo',
      title: entry.id.slice(0, 12),
      planFd,
    });
    const report = await done;
    tellHooks(runtime, report);
    const { failure } = report;
    if (failure !== undefined)
      throw ociError(
        'OCI_DELETE_FAILED',
        `cannot remove container "${entry.id}": the record of what was done cannot be used: ${failure.errno}`,
        { subject: entry.id, remedy: `look at what is left in ${entry.dir}` },
      );
    if (report.undoFailure === undefined) return;
    throw ociError(
      'OCI_DELETE_FAILED',
      `cannot remove everything of container "${entry.id}": step ${report.undoFailure.index + 1}: ${report.undoFailure.errno}`,
      { subject: entry.id, remedy: 'try again; what is left is kept on record' },
    );
  } finally {
    closeSync(planFd);
  }
}

/** The file that freezes a container's processes, and what to write and to expect there. */
export function freezer(
  record: OciRecord,
): { file: string; freeze: string; thaw: string; shows: string; frozen: RegExp } | undefined {
  const host = cgroups();
  if (host.version === 2) {
    const dir = `${host.v2 ?? ''}/${record.cgroupPath}`;
    return {
      file: `${dir}/cgroup.freeze`,
      freeze: '1',
      thaw: '0',
      shows: `${dir}/cgroup.events`,
      frozen: /^frozen 1$/m,
    };
  }
  const mount = host.v1.find((h) => h.controllers.includes('freezer'))?.mount;
  if (mount === undefined) return undefined;
  const file = `${mount}/${record.cgroupPath}/freezer.state`;
  return { file, freeze: 'FROZEN', thaw: 'THAWED', shows: file, frozen: /^FROZEN/ };
}

export { Entry, entries, type OciRecord, type Status };
