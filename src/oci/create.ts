import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { writeAtomic } from '../base/index.ts';
import { encodePlan, PLAN_FLAGS, type Plan } from '../plan/index.ts';
import { type BundleInput, planBundle } from '../runtime/bundle/index.ts';
import { type Report, startShim, stepError } from '../shim/index.ts';
import { cgroupFacts, cgroupPath, cgroups, checkLabels, heldCapabilities, seccompOf } from './host.ts';
import { type Bundle, loadBundle } from './load.ts';
import { type OciRuntime, tellHooks } from './runtime.ts';
import { bootId, claim, type Entry, ociError, release } from './store.ts';

/** Flags of `create` and `run`. */
export interface CreateOptions {
  id: string;
  bundle: string;
  consoleSocket: string | undefined;
  pidFile: string | undefined;
  noPivot: boolean;
  noNewKeyring: boolean;
  preserveFds: number;
}

/**
 * create: waits for `start`. detached: runs at once, and its parent is whoever reaps orphans here.
 * foreground: this process waits for its end.
 */
export type Manner = 'create' | 'detached' | 'foreground';

/** JSON around a number that is known later. */
function around(value: object): { head: string; tail: string } {
  return { head: `${JSON.stringify(value).slice(0, -1)},"pid":`, tail: '}' };
}

function checkTerminal(bundle: Bundle, options: CreateOptions, manner: Manner): void {
  const terminal = bundle.config.process?.terminal === true;
  if (terminal && options.consoleSocket === undefined && manner !== 'foreground')
    throw ociError(
      'OCI_CONSOLE_SOCKET',
      'cannot allocate a terminal without a console socket when nobody stays to serve it',
      {
        remedy: 'give --console-socket, or set process.terminal to false',
      },
    );
  if (!terminal && options.consoleSocket !== undefined)
    throw ociError('OCI_CONSOLE_SOCKET', 'cannot use a console socket without a terminal', {
      subject: options.consoleSocket,
      remedy: 'set process.terminal to true, or leave --console-socket out',
    });
}

/** A terminal that is passed on begins with the size of the one it is passed on to. */
function sized(bundle: Bundle, runtime: OciRuntime, manner: Manner): Bundle {
  const { process } = bundle.config;
  if (manner !== 'foreground' || process?.terminal !== true || process.consoleSize !== undefined)
    return bundle;
  const own = runtime.ownTerminal?.();
  if (own === undefined) return bundle;
  const consoleSize = { height: own.rows, width: own.cols };
  return { ...bundle, config: { ...bundle.config, process: { ...process, consoleSize } } };
}

async function inputOf(
  runtime: OciRuntime,
  entry: Entry,
  bundle: Bundle,
  options: CreateOptions,
  manner: Manner,
): Promise<BundleInput> {
  const { config } = bundle;
  const path = cgroupPath(config, entry.id, runtime.systemdCgroup);
  const annotations = config.annotations === undefined ? {} : { annotations: config.annotations };
  const { ociVersion } = config;
  const base = { ociVersion, id: entry.id, status: 'created', bundle: bundle.path, ...annotations };
  const record = {
    ociVersion,
    id: entry.id,
    bundle: bundle.path,
    rootfs: bundle.rootfs,
    created: new Date().toISOString(),
    bootId: bootId(),
    ...annotations,
    cgroupPath: path,
  };
  return {
    config,
    id: entry.id,
    bundle: bundle.path,
    rootfs: bundle.rootfs,
    dir: entry.dir,
    cgroups: cgroups(),
    cgroup: cgroupFacts(path),
    fileSources: bundle.fileSources,
    held: heldCapabilities(),
    ...(await seccompOf(config)),
    state: around(base),
    record: around(record),
    options: {
      waits: manner === 'create',
      stays: manner === 'foreground',
      consoleSocket: options.consoleSocket,
      pidFile: options.pidFile,
      noPivot: options.noPivot,
      noNewKeyring: options.noNewKeyring,
      preserveFds: options.preserveFds,
    },
  };
}

/** "process is REQUIRED when start is called": config.md § Process. */
export function noProcess(): Error {
  return ociError('OCI_BAD_CONFIG', 'config.json: process is missing, and required to start a container', {
    subject: 'process',
    remedy: 'create the container from a config.json that has one',
  });
}

/** The steps after the wait, by number: `start` has no other words for what fails there. */
function lateSteps(plan: Plan): string {
  const from = plan.steps.findIndex(({ op }) => op === 'wait-start');
  const late = plan.steps.flatMap((step, index) => (index > from ? [{ index, step }] : []));
  // Of a filter only that it was one: its bytes say nothing.
  return JSON.stringify(late, (name, value) => (name === 'filter' ? '' : value));
}

/** Makes the caller's terminal raw, if the container's is passed on to it. The result, if any, takes that back. */
function rawTerminal(runtime: OciRuntime, bundle: Bundle, options: CreateOptions, manner: Manner) {
  const passedOn =
    manner === 'foreground' &&
    bundle.config.process?.terminal === true &&
    options.consoleSocket === undefined;
  return passedOn ? runtime.ownTerminal?.()?.raw() : undefined;
}

/** What a container is made of, written down before anything is done. */
function prepare(runtime: OciRuntime, entry: Entry, bundle: Bundle, plan: Plan, manner: Manner): void {
  const flags = manner === 'foreground' ? 0 : PLAN_FLAGS.leave;
  // Whole or not there: `delete` undoes what it says, or has nothing to undo.
  const bytes = encodePlan(plan, { flags, fault: runtime.fault });
  writeAtomic(`${entry.dir}/plan`, bytes, { sync: false, mode: 0o600 });
  writeFileSync(`${entry.dir}/config.json`, bundle.text, { mode: 0o600 });
  if (manner === 'create') writeFileSync(`${entry.dir}/steps.json`, lateSteps(plan), { mode: 0o600 });
}

/** Descriptors 3 and on, for the program. */
function preserved(count: number): number[] {
  return Array.from({ length: count }, (_, i) => 3 + i);
}

/** A container being made: its process, once there is one, and how it ended. */
export interface Making {
  entry: Entry;
  done: Promise<Report>;
}

/** Starts making a container of a bundle. `done` rejects with the step that failed; then nothing is left. */
export async function make(runtime: OciRuntime, options: CreateOptions, manner: Manner): Promise<Making> {
  const bundle = sized(loadBundle(options.bundle, runtime.warn), runtime, manner);
  if (bundle.config.process === undefined && manner !== 'create') throw noProcess();
  checkLabels(bundle.config);
  checkTerminal(bundle, options, manner);
  const entry = claim(runtime.root, options.id);
  let planFd: number;
  let plan: Plan;
  try {
    plan = planBundle(await inputOf(runtime, entry, bundle, options, manner));
    prepare(runtime, entry, bundle, plan, manner);
    planFd = openSync(`${entry.dir}/plan`, 'r');
  } catch (error) {
    release(entry);
    throw error;
  }
  const failed = (report: Report): Report => {
    tellHooks(runtime, report);
    if (report.failure === undefined) return report;
    if (options.pidFile !== undefined) rmSync(options.pidFile, { force: true });
    if (report.undoFailure === undefined) release(entry);
    throw stepError(
      `cannot ${manner === 'create' ? 'create' : 'run'} container "${entry.id}"`,
      plan,
      report.failure,
    );
  };
  // Before there is a program: nothing it prints is for a terminal that changes it.
  let restore: (() => void) | undefined;
  try {
    restore = rawTerminal(runtime, bundle, options, manner);
    const shim = startShim({
      root: runtime.engineRoot,
      mode: 'launch',
      title: entry.id.slice(0, 12),
      planFd,
      stdin: 0,
      stdout: 1,
      stderr: 2,
      more: preserved(options.preserveFds),
    });
    return { entry, done: shim.done.finally(restore).then(failed) };
  } catch (error) {
    restore?.();
    release(entry);
    throw error;
  } finally {
    closeSync(planFd);
  }
}

/** `create`. */
export async function create(runtime: OciRuntime, options: CreateOptions): Promise<void> {
  const { done } = await make(runtime, options, 'create');
  const report = await done;
  if (report.startedPid === undefined) throw lost(options.id);
}

export function lost(id: string): Error {
  return ociError('OCI_SHIM_LOST', `container "${id}": the shim was killed while it worked`, {
    subject: id,
    remedy: `remove what is left with: mydocker oci delete --force ${id}`,
  });
}
