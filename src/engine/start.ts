import { existsSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import {
  type ContainerRecord,
  containerDir,
  type PortRecord,
  readWiring,
  type Wiring,
} from '../storage/index.ts';
import { ChangedMeanwhile, plugsVersion, recordVersion } from './changed.ts';
import type { Core } from './core.ts';
import { isWired } from './joined.ts';
import { SPARE_LOST, startOnce } from './launch.ts';
import { requireRecord } from './status.ts';
import type { How, Running, StreamFds } from './types.ts';

/** Failures of a start that another one, after a repair, does not have. */
const REPAIRED = new Set(['RULES_MISSING', 'PORT_IN_USE']);
const TRIES = 20;

/** Failures whose cause is gone: the same again would do. */
const repaired = new WeakSet<MydockerError>();

function isRepairable(error: unknown): error is MydockerError {
  return error instanceof MydockerError && REPAIRED.has(error.code);
}

/**
 * Starts a container. Undefined: it was running already. A failure leaves everything as it was before. Rules that
 * somebody flushed are restored on the way, a host port that nobody asked for is chosen anew where it is taken, and what
 * an `update` or `network connect` of the same moment changed holds. `version`: of the record, of a new container; else
 * it is read again. Throws BUSY when such changes never end.
 */
export async function startContainer(
  core: Core,
  record: ContainerRecord,
  how: How,
  fds?: StreamFds,
  version?: string,
): Promise<Running | undefined> {
  const { id, startingOwner } = record;
  for (let tries = TRIES; ; tries--) {
    const isNew = tries === TRIES && version !== undefined;
    const seen = isNew ? version : recordVersion(core, id);
    const latest = isNew ? record : { ...requireRecord(core.paths, id) };
    // Whoever made it told of that.
    if (startingOwner === undefined) delete latest.startingOwner;
    try {
      return await startAs(core, latest, how, seen, fds);
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile) || tries === 0) throw error;
    }
  }
}

async function startAs(
  core: Core,
  record: ContainerRecord,
  how: How,
  version: string,
  fds?: StreamFds,
): Promise<Running | undefined> {
  if (!isWired(record.network)) return startOnce(core, record, how, { record: version }, fds);
  let plugs = plugsVersion(core, record.id);
  let known = readWiring(core.paths, record.id);
  const wiring = (): Wiring | undefined => {
    known = readWiring(core.paths, record.id) ?? known;
    return known;
  };
  const publishes = (known?.publish.length ?? 0) > 0;
  const ports = publishes ? await import('./ports.ts') : undefined;
  let taken: readonly PortRecord[] = [];
  const failed = async (error: unknown): Promise<never> => {
    ports?.endTurn(core, record.id);
    await ports?.dropPorts(core, record.id, taken);
    throw error;
  };
  const again = async (error: unknown, tries: number): Promise<Running | undefined> => {
    if (!isRepairable(error) || tries === 0) return failed(error);
    await (await import('./repair.ts')).repair(core, record, error, wiring()).catch(failed);
    plugs = plugsVersion(core, record.id);
    if (existsSync(containerDir(core.paths, record.id))) return attempt(tries - 1);
    // With --rm the failed start took it along: see rerun().
    repaired.add(error);
    return failed(error);
  };
  // Host ports are given back by whoever took them, whatever becomes of the start.
  const streams = publishes && fds !== undefined ? { ...fds, fronted: false } : fds;
  const attempt = async (tries: number): Promise<Running | undefined> => {
    const seen = { record: version, plugs };
    const running = await startOnce(core, record, how, seen, streams).catch((error: unknown) =>
      again(error, tries),
    );
    ports?.endTurn(core, record.id);
    // With inherited streams the failure comes where the exit code would.
    if (running === undefined || how !== 'inherit') return running;
    const more = (error: unknown): Promise<Running | undefined> =>
      again(error, tries).catch((next: unknown) => {
        if (!(next instanceof ChangedMeanwhile)) throw next;
        return startContainer(core, record, how, fds);
      });
    return { ...running, exit: running.exit.catch(async (error: unknown) => (await more(error))?.exit ?? 0) };
  };
  if (ports !== undefined) {
    taken = await ports.takePorts(core, record).catch(failed);
    plugs = plugsVersion(core, record.id);
    wiring();
  }
  return attempt(TRIES);
}

/** A run that is made anew when only its container, one of --rm, was lost with a failure that was repaired. */
export async function rerun(once: () => Promise<Running>, tries = TRIES): Promise<Running> {
  const more = (error: unknown): Promise<Running> => {
    if (!(error instanceof MydockerError) || tries === 0) throw error;
    if (!repaired.has(error) && error.code !== SPARE_LOST) throw error;
    return rerun(once, tries - 1);
  };
  const running = await once().catch(more);
  let now = running;
  const exit = running.exit.catch(async (error: unknown) => {
    now = await more(error);
    return now.exit;
  });
  return { ...running, exit, signal: (number) => now.signal(number) };
}
