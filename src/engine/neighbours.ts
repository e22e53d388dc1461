import { MydockerError } from '../base/index.ts';
import type { ImageTree, NamespaceType, NeighbourTree } from '../runtime/index.ts';
import { type ContainerRecord, planReadOnlyOverlay, readRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { joinedContainers, type Neighbour } from './oci.ts';
import { isBroken, lifeOf } from './status.ts';

function notRunning(core: Core, name: string, id: string): MydockerError {
  const record = readRecord(core.paths, id);
  const other = record === undefined || isBroken(record) ? id.slice(0, 12) : record.name;
  const gone = record === undefined;
  return new MydockerError(
    gone ? 'NO_SUCH_CONTAINER' : 'NOT_RUNNING',
    `cannot start ${name}: the container ${other}, whose namespace it shares, ${gone ? 'is no more' : 'does not run'}`,
    {
      subject: other,
      exitCode: 1,
      remedy: gone ? `make ${name} anew` : `start it first: mydocker start ${other}`,
    },
  );
}

/**
 * Process 1 of each container whose namespaces are shared. `anyway`: for a plan that is only undone; then one that has
 * ended is no obstacle. Throws NOT_RUNNING, NO_SUCH_CONTAINER.
 */
export function neighboursOf(
  core: Core,
  record: ContainerRecord,
  anyway: boolean,
): Map<NamespaceType, Neighbour> {
  const found = new Map<NamespaceType, Neighbour>();
  for (const [type, id] of joinedContainers(record)) {
    const { state, status } = lifeOf(core.paths, id);
    if (state !== undefined && (status === 'running' || status === 'paused'))
      found.set(type, { pid: state.pid, startTicks: state.startTicks });
    else if (anyway) found.set(type, { pid: 0, startTicks: 0 });
    else throw notRunning(core, record.name, id);
  }
  return found;
}

/** The shared memory of whom the ipc namespace is shared with. */
export function sharedMemory(joined: ReadonlyMap<NamespaceType, Neighbour>): NeighbourTree[] {
  const ipc = joined.get('ipc');
  return ipc === undefined ? [] : [{ ...ipc, path: '/dev/shm', destination: '/dev/shm' }];
}

/** Mounts of images: their layers, read-only. `at`: a directory that is free until the root file system is mounted. */
export function imageTrees(core: Core, record: ContainerRecord, at: string): ImageTree[] {
  return record.mounts.flatMap((m): ImageTree[] => {
    if (m.type !== 'image') return [];
    const below = m.subpath === undefined ? {} : { below: m.subpath };
    // overlayfs takes two layers or more; one alone is what it is.
    const [only, ...more] = m.layers;
    if (only !== undefined && more.length === 0)
      return [{ mount: [], at: only, stays: true, destination: m.target, ...below }];
    const mount = planReadOnlyOverlay({ lower: m.layers, layersDir: `${core.root}/layers`, target: at });
    return [
      {
        mount: mount.map((step) => ({ ...step, where: 'init' as const, why: 'the layers of an image' })),
        at,
        stays: false,
        destination: m.target,
        ...below,
      },
    ];
  });
}
