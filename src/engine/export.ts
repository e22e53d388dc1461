import { packTree } from '../image/index.ts';
import { type Step, steps } from '../plan/index.ts';
import { privateMounts } from '../runtime/index.ts';
import { walkAfter } from '../shim/index.ts';
import {
  type ContainerRecord,
  containerDir,
  mountPointsDir,
  planReadOnlyOverlay,
  rootfsDir,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { lifeOf } from './status.ts';
import { wayInto } from './visit.ts';

/** How the shim comes to a container's root file system: into the one that lives, or a mount of its own. */
export function enterRootfs(core: Core, record: ContainerRecord): Step[] {
  const { state } = lifeOf(core.paths, record.id);
  if (state !== undefined) return wayInto(record, state);
  const directory = containerDir(core.paths, record.id);
  return [
    ...privateMounts(),
    ...planReadOnlyOverlay({
      lower: [`${directory}/upper`, ...record.layers, mountPointsDir(core.root)],
      layersDir: `${core.root}/layers`,
      target: rootfsDir(core.paths),
    }),
    ...steps('host', {
      op: 'chroot',
      path: rootfsDir(core.paths),
      why: 'nothing outside can be read, whatever links say',
    }),
  ];
}

/**
 * A container's files as a tar: its image and what it wrote, without what is mounted in it. Running or not; nothing of
 * the container is executed.
 */
export function exportContainer(core: Core, record: ContainerRecord): AsyncIterable<Buffer> {
  core.prepare();
  return packTree(walkAfter(core.root, enterRootfs(core, record), `the files of ${record.name}`));
}
