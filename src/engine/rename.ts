import { badInput, MydockerError } from '../base/index.ts';
import { type ContainerRecord, containerDir, releaseName, takeName, writeRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { whileUpdating } from './record-lock.ts';
import { lifeOf, requireRecord } from './status.ts';

/** Gives a container another name. Throws NAME_IN_USE, BAD_INPUT, RUNNING, BUSY. */
export async function renameContainer(core: Core, id: string, name: string): Promise<ContainerRecord> {
  return whileUpdating(core, id, async () => renameRecord(core, requireRecord(core.paths, id), name));
}

/** Returns what was there before. */
function renameRecord(core: Core, record: ContainerRecord, name: string): ContainerRecord {
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
  return record;
}
