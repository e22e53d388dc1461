import { type Action, NO_SLOT, type Plan, STREAMS, type Step, type StepNotes, steps } from '../plan/index.ts';
import { planCgroup } from './cgroup.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { CLONE, MNT_DETACH } from './constants.ts';
import { askedDevices } from './devices.ts';
import { type ImageTree, type NeighbourTree, planImageTrees, planNeighbourTrees } from './extra-trees.ts';
import { finishSteps, sysctlSteps } from './finish.ts';
import type { CgroupV1Facts } from './limits-v1.ts';
import { planMasks } from './masks.ts';
import { planMounts } from './mounts.ts';
import { hasOwnUsers, type NamespacePlan, planNamespaces } from './namespaces.ts';
import { separateMounts } from './own-mounts.ts';
import { type IdmappedRoot, planMappedRoot } from './own-users-root.ts';
import { leaveCaller, ownOomScore, programSteps } from './program.ts';
import { Slots } from './slots.ts';
import type { OciSpec } from './spec.ts';

type Noted = Action & StepNotes;

/** What a launch needs beside the OCI spec: handed across by the engine, so that this room knows no other. */
export interface LaunchInput {
  spec: OciSpec;
  id: string;
  bootId: string;
  cgroups: CgroupHost;
  cgroupFacts: CgroupV1Facts;
  /** Steps that mount the root file system on spec.root.path, from storage; `mapped`: its owners are others inside. */
  rootfs: { host: readonly Step[]; init: readonly Step[]; mapped?: IdmappedRoot };
  images?: readonly ImageTree[];
  neighbours?: readonly NeighbourTree[];
  /** What else it holds while it lives, with undos: steps that do nothing themselves. */
  owned?: readonly Step[];
  /** Its networks, from network. `own`: what it holds while it lives, as `owned`; `gone`: undone before its record and name. */
  network: {
    own: readonly Step[];
    gone: readonly Step[];
    host: readonly Step[];
    hostAfter: readonly Step[];
    init: readonly Step[];
  };
  /** What the monitor does for the container beside its streams, from network. */
  services: { host: readonly Step[]; init: readonly Step[] };
  /** First free descriptor slot. */
  firstSlot: number;
  /** Files and directories the monitor keeps. */
  paths: { runDir: string; containerDir: string; nameFile: string; log: string; running: string };
  log: { maxBytes: number; maxFiles: number };
  autoRemove: boolean;
  stdin: boolean;
  inherit: boolean;
  hold: boolean;
  init: boolean;
}

/** Slot that holds the v2 cgroup directory for clone3. */
const CGROUP_SLOT = 0;

function ownership(input: LaunchInput): Step[] {
  const { runDir, containerDir, nameFile } = input.paths;
  const lock: Noted = {
    op: 'own',
    what: runDir,
    why: 'made by an exclusive rename: only one start at a time',
    undo: { op: 'discard-tree', path: runDir },
  };
  // What it holds elsewhere goes after its directory, which says what that is, and before the lock.
  return steps('host', lock).concat(
    input.owned ?? [],
    input.network.own,
    steps('host', ...(input.autoRemove ? leaving(containerDir, nameFile, input.id) : [running(input)])),
  );
}

/** Undone backwards: the name goes while the container is there, so that nobody has taken it over by then. */
function leaving(containerDir: string, nameFile: string, id: string): Noted[] {
  return [
    {
      op: 'own',
      what: containerDir,
      why: '--rm: record, log and writes go when it ends',
      undo: { op: 'discard-tree', path: containerDir },
    },
    {
      op: 'own',
      what: nameFile,
      why: '--rm: the name is free again afterwards',
      undo: { op: 'unlink-link', path: nameFile, text: id },
    },
  ];
}

function running({ paths, bootId }: LaunchInput): Noted {
  return {
    op: 'write',
    path: paths.running,
    data: bootId,
    create: 1,
    why: 'should the machine go down, with it all of /run, this still says that it ran',
    undo: { op: 'unlink', path: paths.running },
  };
}

function monitorSteps(input: LaunchInput, oomPath: string): Noted[] {
  const { runDir, containerDir, log } = input.paths;
  const flags =
    (input.stdin ? STREAMS.stdin : 0) |
    (input.spec.process.terminal ? STREAMS.tty : 0) |
    (input.inherit ? STREAMS.inherit : 0) |
    (input.hold ? STREAMS.hold : 0);
  const exitFile: Noted = {
    op: 'exit-file',
    path: `${containerDir}/exit.json`,
    oomPath,
    sync: 1,
    why: 'written when it has ended',
  };
  return [
    {
      op: 'log',
      path: log,
      maxBytes: input.log.maxBytes,
      maxFiles: input.log.maxFiles,
      why: 'what the program prints, kept for `logs`',
    },
    {
      op: 'attach-socket',
      path: `${runDir}/attach.sock`,
      why: 'where attach, stop, kill and wait find the monitor',
    },
    {
      op: 'state-file',
      path: `${runDir}/state.json`,
      id: input.id,
      bootId: input.bootId,
      why: 'written when the program runs',
    },
    // With --rm the record would be removed a moment after it was written.
    ...(input.autoRemove ? [] : [exitFile]),
    {
      op: 'streams',
      flags,
      why: input.spec.process.terminal
        ? 'a pseudo-terminal follows, from the inside'
        : 'pipes for the standard streams',
    },
  ];
}

function cloneSteps(flags: number, cloneInto: string | undefined): Noted[] {
  const list: Noted[] = [];
  if (cloneInto !== undefined) {
    list.push({
      op: 'open-path',
      path: cloneInto,
      slot: CGROUP_SLOT,
      why: 'the child is born inside its cgroup',
    });
  }
  list.push({
    op: 'clone',
    flags,
    cgroupSlot: cloneInto === undefined ? NO_SLOT : CGROUP_SLOT,
    why: 'the container’s process 1, in new namespaces',
  });
  return list;
}

function enterRoot(root: string): Noted[] {
  return [
    { op: 'chdir', path: root, why: 'pivot_root takes "." for both roots' },
    {
      op: 'namespace-root',
      why: 'in a chroot, / is not the top of the mount namespace, and the host would stay in reach above the new root',
    },
    {
      op: 'pivot-root',
      newRoot: '.',
      putOld: '.',
      why: 'the image becomes /; the host’s root lies stacked on it',
    },
  ];
}

function leaveHost(): Step[] {
  return steps(
    'init',
    { op: 'umount', target: '.', flags: MNT_DETACH, why: 'the host’s files are gone from here on' },
    { op: 'chdir', path: '/', why: 'no working directory outside' },
  );
}

/** Where the child waits for the host's part. Without users of its own only its networks need that: until then both work. */
function awaitHost(why: string): Noted {
  return { op: 'barrier', why };
}

/** Namespaces entered, root changed: from here on the child sees only the container. */
function beforeMounts(
  input: LaunchInput,
  join: readonly Step[],
  namespaces: NamespacePlan,
  rootfs: readonly Step[],
): Step[] {
  const { spec } = input;
  const first: Noted[] = [
    ...(hasOwnUsers(spec.linux) ? [awaitHost('until its users are mapped it is nobody')] : []),
    ownOomScore(spec.process.oomScoreAdj),
  ];
  const second: Noted[] = [
    ...namespaces.join,
    ...(namespaces.ownCgroup
      ? [
          {
            op: 'unshare',
            flags: CLONE.NEWCGROUP,
            why: 'now in its cgroup: that becomes the root it sees',
          } as Noted,
        ]
      : []),
    ...leaveCaller(),
    separateMounts('no mount made here is seen by the host, nor the other way round'),
  ];
  return [
    ...steps('init', ...first),
    ...join,
    ...steps('init', ...second),
    ...rootfs,
    ...steps('init', ...enterRoot(spec.root.path), ...namespaces.within),
  ];
}

/** Mounts inside, and the host's tree unmounted: before anything of the image is looked at, where that can be. */
function insideMounts(spec: OciSpec, mounts: readonly Step[]): Step[] {
  // With users of its own it may mount a /proc only while another one is in sight, mount_namespaces(7): the host's,
  // which lies stacked above the new root, where no path leads.
  return hasOwnUsers(spec.linux) ? [...mounts, ...leaveHost()] : [...leaveHost(), ...mounts];
}

/** The whole launch of a container, as data. Pure: nothing is looked up, nothing happens. */
export function planLaunch(input: LaunchInput): Plan {
  const { spec } = input;
  const slots = new Slots(input.firstSlot);
  const cgroup = planCgroup(input.cgroups, input.cgroupFacts, spec.linux);
  const images = planImageTrees(input.images ?? [], slots);
  const { mapped, ...plain } = input.rootfs;
  const mounting = [...images.mount, ...plain.init];
  const rootfs =
    mapped === undefined
      ? { host: [], init: mounting }
      : planMappedRoot(mapped, mounting, spec.root.path, slots);
  const neighbours = planNeighbourTrees(input.neighbours ?? [], slots);
  const namespaces = planNamespaces(spec.linux, slots);
  const mounts = planMounts(spec, input.cgroups, slots, input.firstSlot);
  const freezer: Noted[] =
    cgroup.freezer === undefined
      ? []
      : [{ op: 'freezer', ...cgroup.freezer, why: 'for commit, which must see files stand still' }];
  return {
    steps: [
      ...ownership(input),
      ...input.network.gone,
      ...cgroup.host,
      ...steps('host', ...monitorSteps(input, cgroup.oomPath), ...freezer),
      ...plain.host,
      ...input.services.host,
      ...rootfs.host,
      ...mounts.host,
      ...neighbours.host,
      ...namespaces.before,
      ...steps('host', ...cloneSteps(namespaces.cloneFlags, cgroup.cloneInto)),
      // While the child sets up its own: it waits for none of this before its barrier.
      ...[...input.network.host, ...input.network.hostAfter].map(
        (step): Step => ({ ...step, where: 'host-after' }),
      ),
      ...steps('host-after', ...namespaces.after, {
        op: 'barrier',
        why: input.hold ? 'waits for the first client, then lets the child go on' : 'lets the child go on',
      }),
      ...beforeMounts(input, cgroup.join, namespaces, rootfs.init),
      ...insideMounts(spec, [...mounts.init, ...neighbours.init, ...images.attach]),
      ...askedDevices(spec),
      ...steps(
        'init',
        ...(hasOwnUsers(spec.linux) ? [] : [awaitHost('the host’s part must be done first: its cables')]),
      ),
      ...input.network.init,
      ...input.services.init,
      ...sysctlSteps(spec),
      ...planMasks(spec),
      ...finishSteps(spec),
      ...steps('init', ...programSteps(spec.process, input.cgroups, { init: input.init, bindConsole: true })),
    ],
  };
}
