import { MydockerError } from '../base/index.ts';
import { type PrunedImages, pruneImages } from '../image/index.ts';
import { containerDir, DiskMeter } from '../storage/index.ts';
import type { Core } from './core.ts';
import { listContainers } from './describe.ts';
import { usersOf } from './image-users.ts';
import { removeContainer } from './remove.ts';
import { sweep } from './sweep.ts';

/** What `image prune` takes. */
export interface PruneSpec {
  /** Every image without a container, not only those without a tag. */
  all?: boolean | undefined;
  /** "until=24h", "label=key=value", "label!=key". */
  filters?: readonly string[] | undefined;
}

/** Removes images nobody needs; see pruneImages. */
export async function prune(core: Core, spec: PruneSpec = {}): Promise<PrunedImages> {
  core.prepare();
  await sweep(core, false);
  return pruneImages({ root: core.root, ...spec, usersOf: (id) => usersOf(core, id) });
}

/** Removes the containers that do not run. One that is started meanwhile stays. */
export async function pruneContainers(core: Core): Promise<{ deleted: string[]; reclaimedBytes: number }> {
  core.prepare();
  await sweep(core, false);
  const meter = new DiskMeter(core.root);
  const deleted: string[] = [];
  let reclaimedBytes = 0;
  for (const { id, status } of listContainers(core)) {
    if (status !== 'stopped' && status !== 'created') continue;
    const bytes = meter.tree(containerDir(core.paths, id));
    try {
      await removeContainer(core, id);
      deleted.push(id);
      reclaimedBytes += bytes;
    } catch (error) {
      if (!(error instanceof MydockerError) || error.code !== 'RUNNING') throw error;
    }
  }
  return { deleted, reclaimedBytes };
}
