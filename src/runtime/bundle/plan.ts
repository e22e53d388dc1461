import {
  type Action,
  NO_SLOT,
  type Plan,
  STREAMS,
  type Step,
  type StepNotes,
  steps,
} from '../../plan/index.ts';
import { MNT_DETACH, MOUNT_ATTR, MS, SIGKILL } from '../constants.ts';
import { planMasks } from '../masks.ts';
import { leaveCaller } from '../program.ts';
import { Slots } from '../slots.ts';
import { type BundleCgroupPlan, bundleCgroup } from './cgroup.ts';
import { bundleDevices } from './devices.ts';
import { hookSteps, poststartSteps, poststopSteps, withStatus } from './hooks.ts';
import type { BundleInput } from './input.ts';
import { planBundleMounts, rootPropagation } from './mounts.ts';
import { hasNamespace, hasOwnUsers, type NamespacePlan, planNamespaces } from './namespaces.ts';
import { processSteps } from './process.ts';
import { SLOT } from './slots.ts';

type Noted = Action & StepNotes;

const DOMAINS: Readonly<Record<string, number>> = { LINUX: 0, LINUX32: 8 };

/** What is taken before anything is made: directory, poststop hooks, the caller's socket. */
function hostSteps(input: BundleInput): Noted[] {
  const { dir, options, config } = input;
  const list: Noted[] = [
    {
      op: 'own',
      what: dir,
      why: 'its place below the runtime’s root',
      undo: { op: 'remove-tree', path: dir },
    },
    ...poststopSteps(config, input.bundle, withStatus(input.state, 'stopped')),
  ];
  if (config.process?.terminal === true) {
    if (options.consoleSocket !== undefined)
      list.push({ op: 'console-socket', path: options.consoleSocket, why: 'where its terminal is wanted' });
    else
      list.push({
        op: 'streams',
        flags: STREAMS.tty | STREAMS.inherit | STREAMS.stdin,
        why: 'a terminal that we pass on',
      });
  }
  if (options.waits)
    list.push({
      op: 'start-fifos',
      go: `${dir}/start.fifo`,
      said: `${dir}/said.fifo`,
      goSlot: SLOT.go,
      saidSlot: SLOT.said,
      why: 'where it waits for `start`, and answers',
    });
  return list;
}

function cloneSteps(cgroup: BundleCgroupPlan, namespaces: NamespacePlan): Noted[] {
  const { cloneInto } = cgroup;
  const into: Noted[] =
    cloneInto === undefined
      ? []
      : [{ op: 'open-path', path: cloneInto, slot: SLOT.cgroup, why: 'the child is born inside its cgroup' }];
  return [
    ...into,
    {
      op: 'clone',
      flags: namespaces.cloneFlags >>> 0,
      cgroupSlot: cloneInto === undefined ? NO_SLOT : SLOT.cgroup,
      why: 'the container’s process 1, in its namespaces',
    },
  ];
}

function early(input: BundleInput): { host: Noted[]; container: Noted[]; any: boolean } {
  const { config, bundle, state } = input;
  const host = [
    ...hookSteps(config, 'prestart', bundle, state),
    ...hookSteps(config, 'createRuntime', bundle, state),
  ];
  const container = hookSteps(config, 'createContainer', bundle, state);
  return { host, container, any: host.length + container.length > 0 };
}

function hostAfter(
  input: BundleInput,
  namespaces: NamespacePlan,
  hooks: { host: Noted[]; any: boolean },
): Noted[] {
  const { dir, options, record } = input;
  const list: Noted[] = [
    ...namespaces.after,
    {
      op: 'write-pid',
      path: `${dir}/state.json`,
      ...record,
      ticks: 1,
      why: 'the container’s record: from here on others find it',
    },
  ];
  if (options.pidFile !== undefined)
    list.push({ op: 'write-pid', path: options.pidFile, head: '', tail: '', ticks: 0, why: '--pid-file' });
  list.push({ op: 'barrier', why: 'lets the child go on' });
  if (hooks.any)
    list.push({ op: 'await-child', why: 'its mounts are made, its root is not changed yet' }, ...hooks.host, {
      op: 'barrier',
      why: 'the hooks are done',
    });
  return list;
}

/** The child before its mounts: out of the caller's hands, in its cgroup and namespaces. */
function enter(input: BundleInput, cgroup: BundleCgroupPlan, namespaces: NamespacePlan): Step[] {
  const { config, rootfs, options } = input;
  const score = config.process?.oomScoreAdj;
  const wanted = rootPropagation(config.linux?.rootfsPropagation);
  // Not shared: pivot_root(2) refuses it, and mounts made here would be the host's.
  const above = wanted === MS.SLAVE || wanted === MS.SHARED ? MS.SLAVE : MS.PRIVATE;
  const adjust: Noted[] =
    score === undefined
      ? []
      : [
          {
            op: 'write',
            path: '/proc/self/oom_score_adj',
            data: String(score),
            create: 0,
            why: 'process.oomScoreAdj',
          },
        ];
  const alone = leaveCaller().filter((step) => !(options.noNewKeyring && step.op === 'session-keyring'));
  return [
    ...steps('init', { op: 'barrier', why: 'the host’s part must be done first' }, ...adjust),
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
function rootAndMounts(
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

/** What is set when all is mounted, before it is made read-only. */
function settings(config: BundleInput['config']): Noted[] {
  const list: Noted[] = [];
  for (const [name, value] of Object.entries(config.linux?.sysctl ?? {}))
    list.push({
      op: 'write',
      // "net.ipv4.conf.eth0/1.forwarding": sysctl(8) swaps dots and slashes.
      path: `/proc/sys/${name.includes('/') && name.indexOf('/') < name.indexOf('.') ? name : name.replaceAll(/[./]/g, (c) => (c === '.' ? '/' : '.'))}`,
      data: value,
      create: 0,
      why: `linux.sysctl ${name}`,
    });
  if (config.hostname !== undefined && config.hostname !== '' && hasNamespace(config, 'uts'))
    list.push({
      op: 'sethostname',
      name: config.hostname,
      why: 'the container’s own name, in its uts namespace',
    });
  if (config.domainname !== undefined && config.domainname !== '' && hasNamespace(config, 'uts'))
    list.push({ op: 'setdomainname', name: config.domainname, why: 'and its domain' });
  return list;
}

function closing(config: BundleInput['config']): Noted[] {
  const list: Noted[] = [];
  const propagation = rootPropagation(config.linux?.rootfsPropagation);
  if (propagation !== 0)
    list.push({
      op: 'mount',
      source: '',
      target: '/',
      fstype: '',
      flags: propagation | ((config.linux?.rootfsPropagation ?? '').startsWith('r') ? MS.REC : 0),
      data: '',
      why: 'linux.rootfsPropagation',
    });
  if (config.root.readonly === true)
    list.push({
      op: 'mount-setattr',
      target: '/',
      set: MOUNT_ATTR.RDONLY,
      clear: 0,
      recursive: 0,
      why: 'root.readonly: the root, not the mounts on it',
    });
  const { personality } = config.linux ?? {};
  if (personality !== undefined)
    list.push({ op: 'personality', persona: DOMAINS[personality.domain] ?? 0, why: 'linux.personality' });
  return list;
}

/** Creating a container from an OCI bundle, as data. Pure: its input was looked up before. */
export function planBundle(input: BundleInput): Plan {
  const { config, options, state, bundle } = input;
  const cgroup = bundleCgroup(input.cgroups, input.cgroup, config.linux?.resources ?? {});
  const namespaces = planNamespaces(config);
  const slots = new Slots(SLOT.firstMount);
  const mounts = planBundleMounts(input, slots);
  const devices = bundleDevices(config, slots);
  const hooks = early(input);
  const wait: Noted[] = options.waits
    ? [
        {
          op: 'wait-start',
          goSlot: SLOT.go,
          saidSlot: SLOT.said,
          why: 'created: the rest comes with `start`',
        },
      ]
    : [];
  const die: Noted[] = options.stays
    ? [{ op: 'pdeathsig', signal: SIGKILL, why: 'if the runtime is killed the container goes too' }]
    : [];
  const program =
    config.process === undefined
      ? []
      : processSteps(config.process, {
          held: input.held,
          seccomp: input.seccomp,
          seccompFlags: input.seccompFlags,
          bindConsole: true,
          preserveFds: options.preserveFds,
          goSlot: options.waits ? SLOT.go : NO_SLOT,
          saidSlot: options.waits ? SLOT.said : NO_SLOT,
          late: [...die, ...wait, ...hookSteps(config, 'startContainer', '', state)],
        });
  return {
    steps: [
      ...steps('host', ...hostSteps(input)),
      ...cgroup.host,
      ...steps('host', ...namespaces.host),
      ...mounts.host,
      ...devices.host,
      ...steps('host', ...cloneSteps(cgroup, namespaces)),
      ...steps('host-after', ...hostAfter(input, namespaces, hooks)),
      ...enter(input, cgroup, namespaces),
      ...rootAndMounts(input, [...mounts.init, ...devices.init], hooks),
      ...steps('init', ...settings(config)),
      ...planMasks({
        linux: {
          maskedPaths: config.linux?.maskedPaths ?? [],
          readonlyPaths: config.linux?.readonlyPaths ?? [],
        },
      }),
      ...mounts.last,
      ...steps('init', ...closing(config), ...program),
      ...(options.waits
        ? []
        : steps('started', ...poststartSteps(config, bundle, withStatus(state, 'running')))),
    ],
  };
}
