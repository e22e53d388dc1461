import { type Action, type Step, type StepNotes, steps } from '../../plan/index.ts';
import type { ConfigMount } from '../config/config.ts';
import { MS } from '../constants.ts';
import { idmapSlot } from '../idmap.ts';
import { type MountFlags, mountFlags } from '../mount-flags.ts';
import type { Slots } from '../slots.ts';
import { takeTree } from '../take-tree.ts';
import { cgroupMount, type MountSteps, readOnlyTop } from './cgroup-mounts.ts';
import type { BundleInput } from './input.ts';

type Noted = Action & StepNotes;

export interface BundleMounts {
  /** Trees of the host, taken while they can be named. */
  host: Step[];
  /** Inside, in the order of the configuration. */
  init: Step[];
  /** Read-only when everything else is in its place: mount points were still to be made in them. */
  last: Step[];
}

export function isBind(m: ConfigMount): boolean {
  const options = m.options ?? [];
  return m.type === 'bind' || options.includes('bind') || options.includes('rbind');
}

/** What a tmpfs takes over from the directory it covers: the content if asked to, the mode unless it has its own. */
function copyUp(m: ConfigMount, { data }: MountFlags, slots: Slots): readonly [Noted[], Noted[]] {
  const content = (m.options ?? []).includes('tmpcopyup') ? 1 : 0;
  const mode = data.some((word) => word.startsWith('mode=')) ? 0 : 1;
  if (content + mode === 0) return [[], []];
  const slot = slots.take();
  const path = m.destination;
  return [
    [{ op: 'open-path', path, slot, ignore: 'ENOENT', why: 'what the tmpfs will cover' }],
    [{ op: 'tmpfs-copy-up', slot, path, content, mode, why: content === 0 ? 'its mode' : 'tmpcopyup' }],
  ];
}

/** A file system of its own, mounted from the inside. */
function freshMount(m: ConfigMount, flags: MountFlags, slots: Slots): MountSteps {
  const { destination, type = '', source = type } = m;
  const late = type === 'tmpfs' && (flags.flags & MS.RDONLY) !== 0;
  const [before, after] = type === 'tmpfs' ? copyUp(m, flags, slots) : [[], []];
  const init: Noted[] = [
    ...before,
    {
      op: 'real-directory',
      path: destination,
      why: 'a mount point that is a link would have it land elsewhere',
    },
    {
      op: 'mount',
      source,
      target: destination,
      fstype: type,
      flags: late ? flags.flags & ~MS.RDONLY : flags.flags,
      data: flags.data.join(','),
      why: `a ${type} asked for`,
    },
    ...after,
  ];
  for (const { type: how, recursive } of flags.propagation)
    init.push({
      op: 'mount',
      source: '',
      target: destination,
      fstype: '',
      flags: how | (recursive ? MS.REC : 0),
      data: '',
      why: 'how mounts below it travel',
    });
  return { host: [], init, last: late ? [readOnlyTop(destination)] : [] };
}

/** A file or directory of the host, or of the container's own tree before its root changes. */
function bindMount(
  m: ConfigMount,
  flags: MountFlags,
  slots: Slots,
  more: { isFile: boolean; travel: number },
): MountSteps {
  const source = m.source ?? '';
  const before: Step[] = [];
  const idmap = idmapSlot({ ...m, type: 'bind', source, options: m.options ?? [] }, slots, before);
  const asked = flags.propagation.length > 0;
  const tree = takeTree(slots.take(), source, m.destination, {
    flags: asked ? flags : { ...flags, propagation: [{ type: more.travel, recursive: true }] },
    isFile: more.isFile,
    why: `${source} of the host at ${m.destination}`,
    ...(idmap === undefined ? {} : { idmap, idmapBelow: (m.options ?? []).includes('ridmap') }),
  });
  return { host: [...before, ...tree.host], init: tree.init, last: [] };
}

/** A word of linux.rootfsPropagation as mount(2)'s flag; 0 for none. */
export function rootPropagation(word: string | undefined): number {
  const types: Record<string, number> = {
    shared: MS.SHARED,
    slave: MS.SLAVE,
    private: MS.PRIVATE,
    unbindable: MS.UNBINDABLE,
  };
  return types[(word ?? '').replace(/^r/, '')] ?? 0;
}

/** Every mount of the configuration, in its order. */
export function planBundleMounts(input: BundleInput, slots: Slots): BundleMounts {
  const root = rootPropagation(input.config.linux?.rootfsPropagation);
  // A bind mount without a word about it: as the root.
  const travel = root === MS.SHARED || root === MS.SLAVE ? MS.SLAVE : MS.PRIVATE;
  const all = (input.config.mounts ?? []).map((m, i): MountSteps => {
    const flags = mountFlags(m.options ?? []);
    if (isBind(m)) return bindMount(m, flags, slots, { isFile: input.fileSources.has(i), travel });
    if (m.type === 'cgroup' || m.type === 'cgroup2') return cgroupMount(input, m.destination, flags, slots);
    return freshMount(m, flags, slots);
  });
  return {
    host: steps('host', ...all.flatMap(({ host }) => host)),
    init: steps('init', ...all.flatMap(({ init }) => init)),
    last: steps('init', ...all.flatMap(({ last }) => last)),
  };
}
