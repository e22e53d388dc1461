import { MydockerError } from '../base/index.ts';
import type { AttachClient } from '../shim/index.ts';
import type { ContainerRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { untilFrozen } from './freeze.ts';
import { notRunning, requireRunning } from './status.ts';
import { connectMonitor } from './stop.ts';

function already(record: ContainerRecord): MydockerError {
  return new MydockerError('PAUSED', `cannot pause ${record.name}: it is paused already`, {
    subject: record.name,
    remedy: `let it go on with: mydocker unpause ${record.name}`,
    exitCode: 1,
  });
}

function notPaused(record: ContainerRecord): MydockerError {
  return new MydockerError('NOT_PAUSED', `cannot unpause ${record.name}: it is not paused`, {
    subject: record.name,
    exitCode: 1,
  });
}

/** What the monitor's refusal means: EALREADY in these words, a container that ended meanwhile, a missing freezer. */
function refusal(error: unknown, record: ContainerRecord, what: string, isSo: MydockerError): unknown {
  if (!(error instanceof MydockerError)) return error;
  if (error.errno === 'EALREADY') return isSo;
  if (error.code === 'MONITOR_GONE') return notRunning(record.name, what);
  if (error.errno !== 'ENOENT') return error;
  return new MydockerError(
    'NO_CONTROLLER',
    `cannot ${what} ${record.name}: this host has no cgroup freezer for it`,
    { subject: 'freezer', remedy: 'enable the freezer controller, then start the container again' },
  );
}

async function ask(
  core: Core,
  record: ContainerRecord,
  what: string,
  isSo: MydockerError,
  act: (client: AttachClient) => Promise<void>,
): Promise<void> {
  requireRunning(core.paths, record.id, record.name, what);
  const client = await connectMonitor(core, record.id, 0);
  if (client === undefined) throw notRunning(record.name, what);
  try {
    await act(client);
  } catch (error) {
    throw refusal(error, record, what, isSo);
  } finally {
    client.close();
  }
}

/** Returns when every process of it stands still. Throws NOT_RUNNING, PAUSED; after FREEZE_TIMEOUT it runs on. */
export async function pauseContainer(core: Core, record: ContainerRecord): Promise<void> {
  await ask(core, record, 'pause', already(record), async (client) => {
    await client.pauseContainer();
    try {
      await untilFrozen(core, record, 'try again, or stop the container');
    } catch (error) {
      await client.unpauseContainer();
      throw error;
    }
  });
}

/** Throws NOT_RUNNING, NOT_PAUSED. */
export async function unpauseContainer(core: Core, record: ContainerRecord): Promise<void> {
  await ask(core, record, 'unpause', notPaused(record), (client) => client.unpauseContainer());
}
