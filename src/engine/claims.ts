import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { privateMounts } from '../runtime/index.ts';
import { runActions } from '../shim/index.ts';
import {
  type ContainerRecord,
  claimUserBlock,
  claimVolume,
  mountPointsDir,
  planReadOnlyOverlay,
  releaseAll,
  releaseUserBlock,
  releaseVolume,
  removeVolume,
  rootfsDir,
  volumeDir,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { BLOCKS, blockMaps } from './isolation.ts';
import type { MountSpec } from './types.ts';

/*
 * What a container holds outside its own directory: volumes, of which it is a user, and a block of user ids.
 */

type Held = Pick<ContainerRecord, 'mounts' | 'isolation'>;

export function holdsSomething(record: Held): boolean {
  return record.mounts.some((m) => m.type === 'volume') || record.isolation?.userBlock !== undefined;
}

function labelsOf(specs: readonly MountSpec[], target: string): Record<string, string> {
  const spec = specs.find((m) => m.target === target);
  return spec?.type === 'volume' ? { ...spec.labels } : {};
}

/** Enters a new container as the user of its volumes, which are made if missing, and takes a block of ids for it. */
export function takeClaims(
  core: Core,
  record: ContainerRecord,
  specs: readonly MountSpec[],
): ContainerRecord {
  for (const m of record.mounts) {
    if (m.type !== 'volume') continue;
    const labels = labelsOf(specs, m.target);
    claimVolume(core.paths, record.id, {
      name: m.name,
      labels,
      ...(m.anonymous === true ? { anonymous: true } : {}),
    });
  }
  const { isolation } = record;
  if (isolation?.userBlock === undefined) return record;
  const wish = Number.parseInt(record.id.slice(0, 8), 16) % BLOCKS;
  const userBlock = claimUserBlock(core.paths, record.id, wish, BLOCKS);
  const size = isolation.users?.uids[0]?.size ?? 0;
  return { ...record, isolation: { ...isolation, userBlock, users: blockMaps(userBlock, size) } };
}

/**
 * Gives all of it back. `alone`: volumes without a name go too, if nobody else has them. Returns directories that are
 * left to remove.
 */
export function giveBack(core: Core, id: string, record: Held | undefined, alone: boolean): string[] {
  const doomed: string[] = [];
  if (record === undefined) {
    releaseAll(core.paths, id);
    return doomed;
  }
  for (const m of record.mounts) {
    if (m.type !== 'volume') continue;
    releaseVolume(core.paths, m.name, id);
    if (!alone || m.anonymous !== true) continue;
    try {
      const directory = removeVolume(core.paths, m.name);
      if (directory !== undefined) doomed.push(directory);
    } catch (error) {
      if (!isInUse(error)) throw error;
    }
  }
  const block = record.isolation?.userBlock;
  if (block !== undefined) releaseUserBlock(core.paths, id, block);
  return doomed;
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && (error as { code?: string }).code === 'VOLUME_IN_USE';
}

const ROOT_SLOT = 0;

/** Empty volumes get what the image has where they are mounted. Nothing is done when there are none. */
export async function fillVolumes(core: Core, record: ContainerRecord): Promise<void> {
  const volumes = record.mounts.filter(
    (m) => m.type === 'volume' && m.noCopy !== true && m.subpath === undefined,
  );
  if (volumes.length === 0) return;
  const target = rootfsDir(core.paths);
  const plan: Step[] = [
    ...privateMounts(),
    ...planReadOnlyOverlay({
      lower: [...record.layers, mountPointsDir(core.root)],
      layersDir: `${core.root}/layers`,
      target,
    }),
    ...steps(
      'host',
      { op: 'open-path', path: target, slot: ROOT_SLOT, why: 'the image’s files' },
      ...volumes.map((m): Action & StepNotes => ({
        op: 'populate',
        slot: ROOT_SLOT,
        from: m.target,
        volume: m.type === 'volume' ? volumeDir(core.paths, m.name) : '',
        why: 'a new volume begins with what the image has there',
      })),
    ),
  ];
  await runActions(core.root, `cannot fill the volumes of ${record.name}`, plan);
}
