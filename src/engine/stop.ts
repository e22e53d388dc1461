import { errnoOf, MydockerError, sleep } from '../base/index.ts';
import { AttachClient, type AttachEnd } from '../shim/index.ts';
import { type ContainerRecord, runDir } from '../storage/index.ts';
import type { Core } from './core.ts';
import { isSignalLost, signalName, signalNumber } from './signals.ts';
import { lifeOf, refuseBroken, requireRunning } from './status.ts';
import { bury } from './sweep.ts';
import type { StopResult } from './types.ts';

export const SIGKILL = 9;

/** A connection to the monitor of a running container; undefined when it ended meanwhile. */
export async function connectMonitor(
  core: Core,
  id: string,
  wants: number,
): Promise<AttachClient | undefined> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      return await AttachClient.connect(`${runDir(core.paths, id)}/attach.sock`, wants);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno !== 'ENOENT' && errno !== 'ECONNREFUSED' && errno !== 'EAGAIN') throw error;
    }
    const life = lifeOf(core.paths, id);
    if (life.dead) await bury(core, id);
    if (life.status !== 'running') return undefined;
    await sleep(5);
  }
  return undefined;
}

/** Waits for the end of a program; true when it came within the time. */
async function endsWithin(client: AttachClient, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const ended = client.end.then(() => true);
  const late = sleep(ms, timer.signal).then(() => false);
  const result = await Promise.race([ended, late]);
  timer.abort();
  return result;
}

/** Sends a signal; that there is nobody left to get it is no error. */
export async function signalOrGone(client: AttachClient, signal: number): Promise<void> {
  try {
    // A v1 freezer holds SIGKILL back too, until it thaws (cgroup-v1/freezer-subsystem.rst).
    if (signal === SIGKILL) await client.thaw();
    await client.signal(signal);
  } catch (error) {
    if (!(error instanceof MydockerError) || (error.code !== 'MONITOR_GONE' && error.errno !== 'ESRCH'))
      throw error;
  }
}

/**
 * Stops a container and returns when its process is really gone and everything of it is cleaned up.
 * `timeoutS` below 0 waits for ever. A signal that process 1 would never see is not waited for.
 */
export async function stopContainer(
  core: Core,
  record: ContainerRecord,
  options: { timeoutS?: number | undefined; signal?: string | undefined } = {},
): Promise<StopResult> {
  const signal = signalNumber(options.signal ?? record.stopSignal);
  const timeoutS = options.timeoutS ?? record.stopTimeoutS;
  const life = lifeOf(core.paths, record.id);
  refuseBroken(life, record.name, 'stop');
  const { state } = life;
  const client = state === undefined ? undefined : await connectMonitor(core, record.id, 0);
  if (state === undefined || client === undefined) return { id: record.id, wasRunning: false };
  try {
    const result: StopResult = { id: record.id, wasRunning: true };
    if (signal !== SIGKILL && isSignalLost(state.pid, signal)) {
      result.note = `${record.name}: its process 1 neither handles nor blocks ${signalName(signal)}, so the kernel drops it: killed at once`;
    } else {
      await signalOrGone(client, signal);
      if (await endsWithin(client, timeoutS < 0 ? 2 ** 31 - 1 : timeoutS * 1000)) return result;
    }
    await signalOrGone(client, SIGKILL);
    await client.end;
    return result;
  } finally {
    client.close();
  }
}

/** Sends a signal and does not wait, but for SIGKILL, after which the container is gone. */
export async function killContainer(core: Core, record: ContainerRecord, signal: string): Promise<void> {
  const number = signalNumber(signal);
  requireRunning(core.paths, record.id, record.name, 'kill');
  const client = await connectMonitor(core, record.id, 0);
  if (client === undefined) return;
  try {
    await signalOrGone(client, number);
    if (number === SIGKILL) await client.end;
  } finally {
    client.close();
  }
}

/** Waits for the end; its exit code. At once for a container that is not running. */
export async function waitContainer(core: Core, record: ContainerRecord): Promise<number> {
  const before = lifeOf(core.paths, record.id);
  refuseBroken(before, record.name, 'wait for');
  const client = before.state === undefined ? undefined : await connectMonitor(core, record.id, 0);
  const end: AttachEnd | undefined = await client?.end;
  if (end !== undefined && 'ending' in end) return end.ending.code;
  const life = lifeOf(core.paths, record.id);
  if (life.dead) await bury(core, record.id);
  return lifeOf(core.paths, record.id).exit?.exitCode ?? 0;
}
