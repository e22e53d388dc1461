import type { Plan } from '../plan/index.ts';
import { type FreshInput, hasDeviceRules, type LaunchInput, planLaunch } from '../runtime/index.ts';
import {
  type ContainerRecord,
  containerDir,
  currentBootId,
  mountPointsDir,
  type NetworkRecord,
  nameFile,
  planOverlay,
  readWiring,
  runDir,
  runningFile,
  type Wiring,
} from '../storage/index.ts';
import { startingSize } from './console-size.ts';
import type { Core } from './core.ts';
import type { Services } from './egress.ts';
import { planEvents } from './events-file.ts';
import { namesDirOf } from './name-files.ts';
import { imageTrees, neighboursOf, sharedMemory } from './neighbours.ts';
import { networkSteps } from './network-steps.ts';
import { ociSpec } from './oci.ts';
import { releaseSteps } from './release-steps.ts';
import { planNames } from './resolver.ts';
import type { How } from './types.ts';

/** Docker's json-file defaults would be unbounded; these are podman's and every operator's first setting. */
const LOG = { maxBytes: 10_000_000, maxFiles: 3 };
/** Slot 0 holds the cgroup directory. */
const FIRST_SLOT = 1;

/** The launch plan of a container: pure data, from its record and facts about the host. `limits`: of egressSteps(). */
export async function launchPlan(
  core: Core,
  record: ContainerRecord,
  how: How | 'undo',
  limits?: Services,
  wiring = readWiring(core.paths, record.id),
  pretended?: NetworkRecord,
): Promise<Plan> {
  return planLaunch(
    launchInput(core, record, how, await freshInput(core, record, wiring, limits, pretended)),
  );
}

/** What of a launch differs from run to run. */
export async function freshInput(
  core: Core,
  record: ContainerRecord,
  wiring: Wiring | undefined,
  limits?: Services,
  pretended?: NetworkRecord,
): Promise<FreshInput> {
  const network = await networkSteps(core, record, wiring, pretended);
  const dir = containerDir(core.paths, record.id);
  const names = planNames(core.paths, record);
  return {
    id: record.id,
    bootId: currentBootId(),
    owned: record.autoRemove ? releaseSteps(core, record) : [],
    network,
    services: {
      host: [
        ...planEvents(core.paths, record, record.startingOwner !== undefined),
        ...names.host,
        ...(limits?.host ?? []),
      ],
      init: [...names.init, ...(limits?.init ?? [])],
    },
    paths: {
      runDir: runDir(core.paths, record.id),
      containerDir: dir,
      nameFile: nameFile(core.paths, record.name),
      log: `${dir}/log.json`,
      running: runningFile(core.paths, record.id),
    },
    autoRemove: record.autoRemove,
    init: record.init,
    program: { args: [...record.entrypoint, ...record.cmd], env: record.env },
  };
}

/** And all of it. */
export function launchInput(
  core: Core,
  record: ContainerRecord,
  how: How | 'undo',
  fresh: FreshInput,
): LaunchInput {
  const dir = containerDir(core.paths, record.id);
  const joined = neighboursOf(core, record, how === 'undo');
  const described = ociSpec(record, namesDirOf(core.paths, record), core.paths, joined);
  const users = record.isolation?.users;
  const size = startingSize(record.tty, how === 'undo' ? 'detached' : how);
  const spec = { ...described, process: { ...described.process, ...size } };
  return {
    ...fresh,
    spec,
    cgroups: core.cgroups(),
    cgroupFacts: core.cgroupFacts(spec.linux.cgroupsPath),
    rootfs: {
      ...planOverlay({
        lower: [...record.layers, mountPointsDir(core.root)],
        layersDir: `${core.root}/layers`,
        upper: `${dir}/upper`,
        work: `${dir}/work`,
        target: spec.root.path,
        ownDir: dir,
        volatile: record.autoRemove,
        noDevices: !hasDeviceRules(core.cgroups()),
      }),
      ...(users === undefined
        ? {}
        : { mapped: { path: core.root, uidMappings: users.uids, gidMappings: users.gids } }),
    },
    images: imageTrees(core, record, spec.root.path),
    neighbours: sharedMemory(joined),
    firstSlot: FIRST_SLOT,
    log: LOG,
    stdin: record.stdin,
    inherit: how === 'inherit',
    hold: how === 'session',
  };
}
