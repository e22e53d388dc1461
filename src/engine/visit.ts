import { rmSync } from 'node:fs';
import type { Step } from '../plan/index.ts';
import { enterNamespace, hasDeviceRules, visitRootfs } from '../runtime/index.ts';
import {
  type ContainerRecord,
  claim,
  containerDir,
  mountPointsDir,
  ownMark,
  planOverlay,
  type RunState,
  runDir,
} from '../storage/index.ts';
import { bury } from './bury.ts';
import type { Core } from './core.ts';
import { breakHold } from './hold.ts';
import { namesDirOf } from './name-files.ts';
import { ociSpec } from './oci.ts';
import { BUSY_MS, refuseBroken, settledLife, waitTurn } from './status.ts';

/** A way into a container's files. */
export interface Visit {
  /** After these the shim's root is that of the container. */
  readonly enter: readonly Step[];
  /** True: its own processes are there too, and what they mounted. */
  readonly isRunning: boolean;
  /** To be called when nobody is in there any more. */
  leave(): void;
}

/** Steps into a container that runs. */
export function wayInto(record: ContainerRecord, { pid, startTicks }: RunState): Step[] {
  return enterNamespace(pid, startTicks, record.isolation?.users !== undefined);
}

function mounted(core: Core, record: ContainerRecord): Step[] {
  const dir = containerDir(core.paths, record.id);
  const described = ociSpec(record, namesDirOf(core.paths, record), core.paths);
  // One of `run --rm` that has not been started yet has no name files.
  const lacking = `${runDir(core.paths, record.id)}/`;
  const spec = { ...described, mounts: described.mounts.filter(({ source }) => !source.startsWith(lacking)) };
  const { host, init } = planOverlay({
    lower: [...record.layers, mountPointsDir(core.root)],
    layersDir: `${core.root}/layers`,
    upper: `${dir}/upper`,
    work: `${dir}/work`,
    target: spec.root.path,
    ownDir: dir,
    volatile: false,
    noDevices: !hasDeviceRules(core.cgroups()),
  });
  return visitRootfs(spec, [...host, ...init]);
}

/**
 * Goes into a running container, or mounts one that does not run: nobody can start or remove that one until `leave`.
 * `what`: "copy from". Throws BUSY, BROKEN_STATE, NO_MOUNT_SOURCE.
 */
export async function visit(core: Core, record: ContainerRecord, what: string): Promise<Visit> {
  for (const deadlineMs = Date.now() + BUSY_MS; ; await waitTurn(deadlineMs, record.id)) {
    const life = await settledLife(core.paths, record.id);
    refuseBroken(life, record.name, what);
    if (life.dead) await bury(core, record.id);
    const { state } = life;
    if (state !== undefined) {
      return { enter: wayInto(record, state), isRunning: true, leave: () => {} };
    }
    // Two overlays with one upper directory would spoil it: overlayfs.rst § Sharing and copying layers.
    const place = runDir(core.paths, record.id);
    if (claim(place, ownMark())) {
      try {
        return { enter: mounted(core, record), isRunning: false, leave: () => rmSync(place) };
      } catch (error) {
        rmSync(place);
        throw error;
      }
    }
    breakHold(core, record.id);
  }
}
