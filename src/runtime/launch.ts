import { type Action, NO_SLOT, type Plan, type Step, type StepNotes, steps } from '../plan/index.ts';
import { planCgroup } from './cgroup.ts';
import { CLONE, MNT_DETACH } from './constants.ts';
import { askedDevices } from './devices.ts';
import { planImageTrees, planNeighbourTrees } from './extra-trees.ts';
import { finishSteps, sysctlSteps } from './finish.ts';
import type { FreshInput, LaunchInput } from './launch-input.ts';
import { beforeChild, besideChild, ownership } from './launch-own.ts';
import { planMasks } from './masks.ts';
import { planMounts } from './mounts.ts';
import { hasOwnUsers, type NamespacePlan, planNamespaces } from './namespaces.ts';
import { separateMounts } from './own-mounts.ts';
import { planMappedRoot } from './own-users-root.ts';
import { execStep, leaveCaller, ownOomScore, programSteps } from './program.ts';
import { Slots } from './slots.ts';
import type { OciSpec } from './spec.ts';

type Noted = Action & StepNotes;

/** Slot that holds the v2 cgroup directory for clone3. */
const CGROUP_SLOT = 0;

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

/** What of a launch follows from the spec and the container's id, and from nothing else that differs from run to run. */
export const FIXED_PARTS = ['groups', 'clone', 'inside', 'program'] as const;
/** All of it, in order. */
export const LAUNCH_PARTS = [
  ...(['own', 'groups', 'clone', 'services', 'network', 'inside'] as const),
  ...(['networkInside', 'servicesInside', 'program', 'exec'] as const),
] as const;

export type FixedPart = (typeof FIXED_PARTS)[number];
export type FreshPart = Exclude<(typeof LAUNCH_PARTS)[number], FixedPart>;
/** The parts that know names, addresses, what is taken, and what is run. */
export function freshParts(input: FreshInput): Record<FreshPart, readonly Step[]> {
  const { network, services } = input;
  // While the child sets up its own: it waits for none of this before its barrier.
  const beside = (list: readonly Step[]): Step[] => list.map((step) => ({ ...step, where: 'host-after' }));
  return {
    own: ownership(input),
    services: beside(services.host),
    network: beside(network.host),
    networkInside: network.init,
    servicesInside: services.init,
    exec: steps('init', execStep(input.program, input.init)),
  };
}

/** The others. */
export function fixedParts(input: LaunchInput): Record<FixedPart, readonly Step[]> {
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
    groups: [...cgroup.host, ...steps('host', ...beforeChild(input), ...freezer), ...plain.host],
    clone: [
      ...rootfs.host,
      ...mounts.host,
      ...neighbours.host,
      ...namespaces.before,
      ...steps('host', ...cloneSteps(namespaces.cloneFlags, cgroup.cloneInto)),
    ],
    inside: [
      ...steps('host-after', ...besideChild(input, cgroup.oomPath), ...namespaces.after, {
        op: 'barrier',
        why: input.hold ? 'waits for the first client, then lets the child go on' : 'lets the child go on',
      }),
      ...beforeMounts(input, cgroup.join, namespaces, rootfs.init),
      ...insideMounts(spec, [...mounts.init, ...neighbours.init, ...images.attach]),
      ...askedDevices(spec),
      ...(hasOwnUsers(spec.linux)
        ? []
        : steps('init', awaitHost('the host’s part must be done first: its cables'))),
    ],
    program: [
      ...sysctlSteps(spec),
      ...planMasks(spec),
      ...finishSteps(spec),
      ...steps('init', ...programSteps(spec.process, input.cgroups, true)),
    ],
  };
}

/** The whole launch of a container, as data. Pure: nothing is looked up, nothing happens. */
export function planLaunch(input: LaunchInput): Plan {
  const parts = { ...freshParts({ ...input, program: input.spec.process }), ...fixedParts(input) };
  return { steps: LAUNCH_PARTS.flatMap((part) => parts[part]) };
}
