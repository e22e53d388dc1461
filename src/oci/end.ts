import { existsSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import type { Action, StepNotes } from '../plan/index.ts';
import { cgroups } from './host.ts';
import { type OciRuntime, runSteps, takeBack } from './runtime.ts';
import { find, findMade } from './state.ts';
import { checkId, Entry, noSuch, type OciRecord, ociError, release, sleep } from './store.ts';

const SIGKILL = 9;

/** Steps that send a signal to process 1 and to nobody else. */
function signalSteps(record: OciRecord, signal: number): Array<Action & StepNotes> {
  return [
    {
      op: 'open-process',
      pid: record.pid,
      startTicks: record.startTicks,
      slot: 0,
      why: 'a handle on process 1; refused if the pid is another process by now',
    },
    { op: 'signal', slot: 0, signal, why: 'asked for' },
  ];
}

/** A directory of the container's cgroup that lists its processes. */
export function cgroupDir(record: OciRecord): string | undefined {
  const host = cgroups();
  if (host.version === 2) return `${host.v2 ?? ''}/${record.cgroupPath}`;
  const mount = (host.v1.find((h) => h.controllers.includes('freezer')) ?? host.v1[0])?.mount;
  return mount === undefined ? undefined : `${mount}/${record.cgroupPath}`;
}

/**
 * `kill`: a signal to process 1. `all`: to every process of the container, which makes sense for SIGKILL and a
 * container without a pid namespace of its own; then one that has stopped is no error.
 */
export async function kill(runtime: OciRuntime, id: string, signal: number, all: boolean): Promise<void> {
  const { record, status } = findMade(runtime, id);
  const dir = cgroupDir(record);
  if (all && signal === SIGKILL && dir !== undefined) {
    if (existsSync(dir))
      await runSteps(runtime, `cannot kill container "${id}"`, [
        { op: 'kill-cgroup', path: dir, why: '--all' },
      ]);
    return;
  }
  if (status === 'stopped')
    throw ociError('OCI_WRONG_STATE', `cannot kill container "${id}": container not running`, {
      subject: id,
    });
  if (all && dir !== undefined) {
    const { killEach } = await import('./processes.ts');
    await killEach(runtime, id, dir, signal);
    return;
  }
  try {
    await runSteps(runtime, `cannot kill container "${id}"`, signalSteps(record, signal));
  } catch (error) {
    if (!(error instanceof MydockerError) || error.errno !== 'ESRCH') throw error;
    throw ociError('OCI_WRONG_STATE', `cannot kill container "${id}": container not running`, {
      subject: id,
    });
  }
}

/** Until process 1 is gone or a zombie: whoever started it reaps it. */
async function waitDead(entry: Entry, record: OciRecord): Promise<void> {
  for (let tries = 0; tries < 1000 && entry.alive(record); tries++) await sleep(tries < 50 ? 2 : 10);
  if (entry.alive(record))
    throw ociError(
      'OCI_WRONG_STATE',
      `container "${entry.id}" cannot be killed: its process ${record.pid} does not end`,
      {
        subject: entry.id,
      },
    );
}

/** `delete`: takes back what `create` did, then runs the poststop hooks. `force`: kills it first. */
export async function remove(runtime: OciRuntime, id: string, force: boolean): Promise<void> {
  if (force && !existsSync(new Entry(runtime.root, checkId(id)).dir)) return;
  const { entry, record, status } = find(runtime, id);
  // One that was only created too, though runc takes it: runtime.md § Delete.
  if (!force && status !== 'stopped')
    throw ociError('OCI_WRONG_STATE', `cannot delete container "${id}" that is not stopped: ${status}`, {
      subject: id,
      remedy: `${status === 'created' ? `end it first (mydocker oci kill ${id} KILL)` : 'stop it first'}, or use: mydocker oci delete --force ${id}`,
    });
  if (record !== undefined && status !== 'stopped') {
    try {
      await runSteps(runtime, `cannot kill container "${id}"`, signalSteps(record, SIGKILL));
    } catch (error) {
      if (!(error instanceof MydockerError) || error.errno !== 'ESRCH') throw error;
    }
    const dir = cgroupDir(record);
    // A frozen process of v1 dies only once it is thawed: this does both.
    if (status === 'paused' && dir !== undefined)
      await runSteps(runtime, `cannot kill container "${id}"`, [
        { op: 'kill-cgroup', path: dir, why: 'delete --force' },
      ]);
    await waitDead(entry, record);
  }
  if (!existsSync(`${entry.dir}/plan`)) {
    // Made by a create that was killed before it had a plan: there is nothing but the directory.
    if (!existsSync(entry.dir)) throw noSuch(id);
    release(entry);
    return;
  }
  await takeBack(runtime, entry);
}
