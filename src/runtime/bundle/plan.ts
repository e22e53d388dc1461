import { type Action, NO_SLOT, type Plan, STREAMS, type StepNotes, steps } from '../../plan/index.ts';
import { SIGKILL } from '../constants.ts';
import { planMasks } from '../masks.ts';
import { Slots } from '../slots.ts';
import { type BundleCgroupPlan, bundleCgroup } from './cgroup.ts';
import { bundleDevices } from './devices.ts';
import { hookSteps, poststartSteps, poststopSteps, withStatus } from './hooks.ts';
import type { BundleInput } from './input.ts';
import { planBundleMounts } from './mounts.ts';
import { type NamespacePlan, planNamespaces } from './namespaces.ts';
import { processSteps } from './process.ts';
import { enter, rootAndMounts } from './root.ts';
import { closing, settings } from './settings.ts';
import { SLOT } from './slots.ts';

type Noted = Action & StepNotes;

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

/** A container that was made, and can never be started (config.md § Process): it waits to be deleted. */
function withoutProcess(wait: readonly Noted[]): Noted[] {
  return [
    {
      op: 'keep-descriptors',
      count: 0,
      goSlot: SLOT.go,
      saidSlot: SLOT.said,
      why: 'nothing of the host stays open',
    },
    ...wait,
    { op: 'exec', file: '', argv: [''], env: [], init: 0, why: 'there is no process in config.json' },
  ];
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
      ? withoutProcess(wait)
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
