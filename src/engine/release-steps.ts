import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { type ContainerRecord, userBlockFile, volumeDir } from '../storage/index.ts';
import type { Core } from './core.ts';

/** What a container holds outside its directory, given back by undo steps of its launch: with --rm the monitor does it. */
export function releaseSteps(core: Core, record: ContainerRecord): Step[] {
  const list: Array<Action & StepNotes> = [];
  for (const m of record.mounts) {
    if (m.type !== 'volume') continue;
    const path = volumeDir(core.paths, m.name);
    list.push({
      op: 'own',
      what: path,
      why:
        m.anonymous === true
          ? '--rm: a volume without a name goes with it'
          : '--rm: it is no user of the volume any more',
      undo: { op: 'release-volume', path, user: record.id, remove: m.anonymous === true ? 1 : 0 },
    });
  }
  const block = record.isolation?.userBlock;
  if (block !== undefined) {
    const path = userBlockFile(core.paths, block);
    list.push({
      op: 'own',
      what: path,
      why: '--rm: its block of user ids is free again',
      undo: { op: 'unlink-link', path, text: record.id },
    });
  }
  return steps('host', ...list);
}
