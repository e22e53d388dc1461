import { changedPaths } from '../image/index.ts';
import { WALK } from '../plan/index.ts';
import { runWalk } from '../shim/index.ts';
import { type ContainerRecord, containerDir, mountPointsDir } from '../storage/index.ts';
import { baseOf } from './copy-rules.ts';
import type { Core } from './core.ts';
import type { FileChange } from './file-types.ts';

/** What a container's files differ in from its image, sorted by path. Running or not; nothing of it is executed. */
export async function diffContainer(core: Core, record: ContainerRecord): Promise<FileChange[]> {
  core.prepare();
  const walk = runWalk(core.root, `${containerDir(core.paths, record.id)}/upper`, WALK.bare);
  const names = [...record.layers, mountPointsDir(core.root)].reverse().map(baseOf);
  return changedPaths(walk, { root: core.root, names });
}
