import { errnoOf, MydockerError, sleep } from '../base/index.ts';
import { AttachClient, type AttachEnd, WANTS } from '../shim/index.ts';
import { type ContainerRecord, runDir } from '../storage/index.ts';
import { bury } from './bury.ts';
import type { Core } from './core.ts';
import { recordContainerEvent } from './events-file.ts';
import { isSignalLost, signalName, signalNumber } from './signals.ts';
import { lifeOf, refuseBroken, requireRunning, settledLife } from './status.ts';
import type { StopResult } from './types.ts';

export const SIGKILL = 9;

/** A monitor that has no room for one more client, or is gone this very moment: tried again. */
const RETRIED = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EAGAIN', 'EPIPE']);
const MONITOR_WAIT_MS = 10_000;
const RECONNECT_MS = 20;

export function monitorBusy(id: string): MydockerError {
  return new MydockerError('MONITOR_BUSY', `the monitor of ${id.slice(0, 12)} takes no more connections`, {
    subject: id,
    remedy: 'end some of the commands that are attached to it, then try again',
    exitCode: 1,
  });
}

/** A connection to the monitor of a running container; undefined when it ended meanwhile. Throws MONITOR_BUSY. */
export async function connectMonitor(
  core: Core,
  id: string,
  wants: number,
): Promise<AttachClient | undefined> {
  for (const deadlineMs = Date.now() + MONITOR_WAIT_MS; ; await sleep(5)) {
    try {
      return await AttachClient.connect(`${runDir(core.paths, id)}/attach.sock`, wants);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined || !RETRIED.has(errno)) throw error;
    }
    const life = lifeOf(core.paths, id);
    if (life.dead) await bury(core, id);
    if (life.status !== 'running') return undefined;
    if (Date.now() > deadlineMs) throw monitorBusy(id);
  }
}

/**
 * Sends a signal to a running container, on as many connections as that takes. Returns the one that took it;
 * undefined: it has ended. Throws MONITOR_BUSY.
 */
export async function deliver(core: Core, id: string, signal: number): Promise<AttachClient | undefined> {
  for (const deadlineMs = Date.now() + MONITOR_WAIT_MS; ; await sleep(RECONNECT_MS)) {
    const client = await connectMonitor(core, id, 0);
    if (client === undefined || (await sent(client, signal))) return client;
    client.close();
    if (lifeOf(core.paths, id).status !== 'running') return undefined;
    if (Date.now() > deadlineMs) throw monitorBusy(id);
  }
}

/** Thaws it; that it has ended by now is no error. */
async function letGoOn(client: AttachClient | undefined): Promise<void> {
  await client?.thaw().catch((error: unknown) => {
    if (!(error instanceof MydockerError)) throw error;
  });
}

/** How a container ends: a connection that its monitor closes before that is replaced. Lost: by somebody who knows. */
export async function endOf(
  core: Core,
  id: string,
  first: AttachClient,
  enough?: AbortSignal,
): Promise<AttachEnd> {
  let client: AttachClient | undefined = first;
  const leave = (): void => client?.close();
  const left = (): boolean => enough?.aborted === true;
  enough?.addEventListener('abort', leave);
  try {
    for (;;) {
      const end: AttachEnd = await client.end;
      client.close();
      if (!('lost' in end) || left()) return end;
      await sleep(RECONNECT_MS);
      client = await connectMonitor(core, id, 0);
      if (client === undefined) return end;
      if (left()) client.close();
    }
  } finally {
    enough?.removeEventListener('abort', leave);
  }
}

/** Waits for the end; true when it came within the time. */
async function endsWithin(core: Core, id: string, client: AttachClient, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const enough = new AbortController();
  const ended = endOf(core, id, client, enough.signal).then(() => true);
  const late = sleep(ms, timer.signal).then(() => false);
  const result = await Promise.race([ended, late]);
  timer.abort();
  enough.abort();
  return result;
}

/** Sends a signal; that nobody is left to get it is no error. False: the monitor closed the connection instead. */
async function sent(client: AttachClient, signal: number): Promise<boolean> {
  try {
    // A v1 freezer holds SIGKILL back too, until it thaws (cgroup-v1/freezer-subsystem.rst).
    if (signal === SIGKILL) await client.thaw();
    await client.signal(signal);
    return true;
  } catch (error) {
    if (!(error instanceof MydockerError)) throw error;
    if (error.code === 'MONITOR_GONE') return false;
    if (error.errno === 'ESRCH') return true;
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
  const life = await settledLife(core.paths, record.id);
  refuseBroken(life, record.name, 'stop');
  const { state } = life;
  if (state === undefined) return { id: record.id, wasRunning: false };
  const result: StopResult = { id: record.id, wasRunning: true };
  const tell = (action: string, more: Record<string, string> = {}): void =>
    recordContainerEvent(core.paths, record, action, more);
  if (signal !== SIGKILL && isSignalLost(state.pid, signal)) {
    result.note = `${record.name}: its process 1 neither handles nor blocks ${signalName(signal)}, so the kernel drops it: killed at once`;
  } else {
    tell('kill', { signal: String(signal) });
    const client = await deliver(core, record.id, signal);
    // Standing still it would never see the signal: Docker lets it go on too.
    if (state.status === 'paused') await letGoOn(client);
    const ms = timeoutS < 0 ? 2 ** 31 - 1 : timeoutS * 1000;
    if (client === undefined || (await endsWithin(core, record.id, client, ms))) {
      tell('stop');
      return result;
    }
  }
  tell('kill', { signal: String(SIGKILL) });
  const client = await deliver(core, record.id, SIGKILL);
  if (client !== undefined) await endOf(core, record.id, client);
  tell('stop');
  return result;
}

/** Sends a signal and does not wait, but for SIGKILL, after which the container is gone. */
export async function killContainer(core: Core, record: ContainerRecord, signal: string): Promise<void> {
  const number = signalNumber(signal);
  requireRunning(core.paths, record.id, record.name, 'kill');
  recordContainerEvent(core.paths, record, 'kill', { signal: String(number) });
  const client = await deliver(core, record.id, number);
  if (client === undefined) return;
  if (number === signalNumber(record.stopSignal)) await letGoOn(client);
  if (number === SIGKILL) await endOf(core, record.id, client);
  client.close();
}

/** Waits for the end; its exit code. At once for a container that is not running. Throws EXIT_UNKNOWN. */
export async function waitContainer(core: Core, record: ContainerRecord): Promise<number> {
  const before = await settledLife(core.paths, record.id);
  refuseBroken(before, record.name, 'wait for');
  const client = before.state === undefined ? undefined : await connectMonitor(core, record.id, WANTS.end);
  const end = client === undefined ? undefined : await endOf(core, record.id, client);
  if (end !== undefined && 'ending' in end) return end.ending.code;
  if (end !== undefined && 'full' in end) throw monitorBusy(record.id);
  const life = lifeOf(core.paths, record.id);
  if (life.dead) await bury(core, record.id);
  const code = lifeOf(core.paths, record.id).exit?.exitCode;
  if (code !== undefined) return code;
  const never = before.status === 'created';
  throw new MydockerError(
    'EXIT_UNKNOWN',
    `there is no exit code of ${record.name}: ${never ? 'it was never started' : 'it was removed when it ended'}`,
    {
      subject: record.name,
      ...(never ? { remedy: `start it with: mydocker start ${record.name}` } : {}),
      exitCode: 1,
    },
  );
}
