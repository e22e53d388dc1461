import { type Action, type Step, type StepNotes, steps } from '../../plan/index.ts';
import { MNT_DETACH, MS } from '../constants.ts';
import { leaveCaller } from '../program.ts';
import type { BundleCgroupPlan } from './cgroup.ts';
import type { BundleInput } from './input.ts';
import { rootPropagation } from './mounts.ts';
import { hasOwnUsers, type NamespacePlan } from './namespaces.ts';
import { oomScore } from './process.ts';
import { SLOT } from './slots.ts';

type Noted = Action & StepNotes;

/** The child before its mounts: out of the caller's hands, in its cgroup and namespaces. */
export function enter(input: BundleInput, cgroup: BundleCgroupPlan, namespaces: NamespacePlan): Step[] {
  const { config, rootfs, options } = input;
  const wanted = rootPropagation(config.linux?.rootfsPropagation);
  // Not shared: pivot_root(2) refuses it, and mounts made here would be the host's.
  const above = wanted === MS.SLAVE || wanted === MS.SHARED ? MS.SLAVE : MS.PRIVATE;
  const alone = leaveCaller().filter((step) => !(options.noNewKeyring && step.op === 'session-keyring'));
  return [
    ...steps(
      'init',
      { op: 'barrier', why: 'the host’s part must be done first' },
      ...oomScore(config.process?.oomScoreAdj),
    ),
    ...cgroup.join,
    ...steps(
      'init',
      ...namespaces.join,
      ...namespaces.ownCgroup,
      ...alone,
      {
        op: 'mount',
        source: '',
        target: '/',
        fstype: '',
        flags: MS.REC | above,
        data: '',
        why: 'no mount made here is seen by the host',
      },
      {
        op: 'mount',
        source: rootfs,
        target: rootfs,
        fstype: '',
        flags: MS.BIND | MS.REC,
        data: '',
        why: 'the root must be a mount of its own',
      },
    ),
  ];
}

function changeRoot(rootfs: string, noPivot: boolean): Noted[] {
  const go: Noted = { op: 'chdir', path: rootfs, why: 'pivot_root takes "." for both roots' };
  if (noPivot)
    return [
      go,
      {
        op: 'mount',
        source: '.',
        target: '/',
        fstype: '',
        flags: 8192,
        data: '',
        why: '--no-pivot: moved over /',
      },
      { op: 'chroot', path: '.', why: 'and entered' },
    ];
  return [
    go,
    {
      op: 'namespace-root',
      why: 'in a chroot, / is not the top of the mount namespace, and the host would stay in reach above the new root',
    },
    {
      op: 'pivot-root',
      newRoot: '.',
      putOld: '.',
      why: 'the bundle’s root becomes /; the host’s lies stacked on it',
    },
    { op: 'umount', target: '.', flags: MNT_DETACH, why: 'the host’s files are gone from here on' },
    { op: 'chdir', path: '/', why: 'no working directory outside' },
  ];
}

/**
 * Root and mounts. Hooks must see the mounts before the root changes, and a user namespace may mount a /proc only while
 * another one is in sight (mount_namespaces(7)): for these the mounts are made from a chroot.
 */
export function rootAndMounts(
  input: BundleInput,
  made: readonly Step[],
  hooks: { container: Noted[]; any: boolean },
): Step[] {
  const { rootfs, config, options } = input;
  const change = steps('init', ...changeRoot(rootfs, options.noPivot));
  if (!hooks.any && !hasOwnUsers(config)) return [...change, ...made];
  const meet: Noted[] = hooks.any
    ? [{ op: 'meet', why: 'prestart and createRuntime hooks run on the host’s side' }, ...hooks.container]
    : [];
  return [
    ...steps(
      'init',
      { op: 'open-path', path: '/', slot: SLOT.hostRoot, why: 'the way back' },
      { op: 'chroot', path: rootfs, why: 'paths stay inside while the host’s root is still needed' },
    ),
    ...made,
    ...steps(
      'init',
      { op: 'leave-chroot', slot: SLOT.hostRoot, why: 'hooks name files of the host' },
      ...meet,
    ),
    ...change,
  ];
}
