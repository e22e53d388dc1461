import { badInput, MydockerError } from '../base/index.ts';
import {
  type ContainerRecord,
  containerDir,
  readWiring,
  releaseName,
  takeName,
  writeRecord,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { withHold } from './hold.ts';
import { whileUpdating } from './record-lock.ts';
import { BUSY_MS, lifeOf, requireRecord, settledLife, waitTurn } from './status.ts';

/** Gives a container another name. Throws NAME_IN_USE, BAD_INPUT, RUNNING, BUSY. */
export async function renameContainer(core: Core, id: string, name: string): Promise<ContainerRecord> {
  return whileUpdating(core, id, async () => {
    for (const deadlineMs = Date.now() + BUSY_MS; ; await waitTurn(deadlineMs, id)) {
      const renamed = await attempt(core, id, name);
      if (renamed !== undefined) return renamed;
    }
  });
}

/** The record as it was; undefined when it came to life in the middle of it: what it runs with has the old name. */
async function attempt(core: Core, id: string, name: string): Promise<ContainerRecord | undefined> {
  const life = await settledLife(core.paths, id);
  const old = requireRecord(core.paths, id);
  if (old.name === name) {
    throw badInput(`the name of the container is ${name} already`, {
      subject: name,
      remedy: 'give another',
      exitCode: 1,
    });
  }
  if (life.dead) await (await import('./bury.ts')).buryWhole(core, id, old.name);
  if (life.state === undefined && life.status !== 'broken') {
    const isDone = await withHold(core, id, async () => renameRecord(core, old, name));
    return isDone ? old : undefined;
  }
  renameRecord(core, old, name);
  try {
    await renameLive(core, old, { ...old, name });
  } catch (error) {
    renameRecord(core, { ...old, name }, old.name);
    throw error;
  }
  return old;
}

/** Others in its networks find a running one by its new name. */
async function renameLive(core: Core, before: ContainerRecord, after: ContainerRecord): Promise<void> {
  const wiring = readWiring(core.paths, after.id);
  const { state } = lifeOf(core.paths, after.id);
  if (state === undefined || wiring === undefined || wiring.endpoints.length === 0) return;
  const { EndedMeanwhile, rewire } = await import('./rewire.ts');
  const what = `cannot rename ${before.name}`;
  await rewire(core, state, what, { record: before, wiring }, { record: after, wiring }).catch(
    (error: unknown) => {
      if (!(error instanceof EndedMeanwhile)) throw error;
    },
  );
}

function renameRecord(core: Core, record: ContainerRecord, name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw badInput(`invalid container name "${name}"`, {
      subject: name,
      exitCode: 1,
      remedy: 'use letters, digits, "_", "." and "-"',
    });
  }
  if (record.autoRemove && lifeOf(core.paths, record.id).status === 'running') {
    throw new MydockerError(
      'RUNNING',
      `cannot rename ${record.name}: it was started with --rm, and its monitor will free this name`,
      {
        remedy: 'start it without --rm',
        exitCode: 1,
      },
    );
  }
  takeName(core.paths, name, record.id);
  try {
    writeRecord(containerDir(core.paths, record.id), { ...record, name }, true);
  } catch (error) {
    releaseName(core.paths, name, record.id);
    throw error;
  }
  releaseName(core.paths, record.name, record.id);
}
