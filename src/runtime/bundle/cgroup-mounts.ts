import { type Action, NO_SLOT, type StepNotes } from '../../plan/index.ts';
import type { CgroupHost } from '../cgroup-host.ts';
import { MOUNT_ATTR, MS } from '../constants.ts';
import type { MountFlags } from '../mount-flags.ts';
import type { Slots } from '../slots.ts';
import type { BundleInput } from './input.ts';
import { hasNamespace } from './namespaces.ts';

type Noted = Action & StepNotes;

export interface MountSteps {
  host: Noted[];
  init: Noted[];
  /** Done when everything else is in its place. */
  last: Noted[];
}

const WHY = 'its own limits and usage';

export const readOnlyTop = (target: string): Noted => ({
  op: 'mount-setattr',
  target,
  set: MOUNT_ATTR.RDONLY,
  clear: 0,
  recursive: 0,
  why: 'read-only, now that its mount points are made',
});

const mount = (fstype: string, target: string, flags: number, data: string, why: string): Noted => ({
  op: 'mount',
  source: fstype,
  target,
  fstype,
  flags,
  data,
  why,
});

/** With a cgroup namespace the kernel shows the container's own cgroup as the root. */
function ownView(host: CgroupHost, target: string, flags: MountFlags): Noted[] {
  if (host.version === 2) return [mount('cgroup2', target, flags.flags, '', WHY)];
  return host.v1.flatMap((h): Noted[] => {
    const name = h.controllers.join(',');
    const at = `${target}/${name}`;
    return [
      { op: 'mkdir', path: at, mode: 0o755, why: 'mount point' },
      mount('cgroup', at, flags.flags, name, WHY),
    ];
  });
}

/** Without one: its own directories of the host's hierarchies, bound. */
function boundView(input: BundleInput, target: string, flags: MountFlags, slots: Slots): MountSteps {
  const out: MountSteps = { host: [], init: [], last: [] };
  const harmless = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;
  const set = harmless | ((flags.flags & MS.RDONLY) === 0 ? 0 : MOUNT_ATTR.RDONLY);
  const { version, v1, v2 = '' } = input.cgroups;
  const views =
    version === 2 ? [[v2, target]] : v1.map((h) => [h.mount, `${target}/${h.controllers.join(',')}`]);
  for (const [root = '', at = ''] of views) {
    const slot = slots.take();
    const path = `${root}/${input.cgroup.path}`;
    out.host.push(
      { op: 'open-tree', path, below: '', recursive: 0, slot, why: 'its own cgroup' },
      {
        op: 'tree-setattr',
        slot,
        set,
        clear: 0,
        propagation: MS.PRIVATE,
        recursive: 0,
        userns: NO_SLOT,
        why: 'as it may see it',
      },
    );
    out.init.push({ op: 'attach-tree', slot, target: at, create: 1, why: WHY });
  }
  return out;
}

/** "cpu,cpuacct" is found by either name too. */
function links(host: CgroupHost, target: string): Noted[] {
  return host.v1
    .filter((h) => h.controllers.length > 1)
    .flatMap((h) =>
      h.controllers.map(
        (name): Noted => ({
          op: 'symlink',
          target: h.controllers.join(','),
          path: `${target}/${name}`,
          why: 'where programs look for it',
        }),
      ),
    );
}

/** A mount of type cgroup: what the host has, whichever version was written. */
export function cgroupMount(input: BundleInput, target: string, flags: MountFlags, slots: Slots): MountSteps {
  const { cgroups } = input;
  const list = cgroups.version === 1;
  const own = hasNamespace(input.config, 'cgroup');
  const view = own
    ? { host: [], init: ownView(cgroups, target, flags) }
    : boundView(input, target, flags, slots);
  const plain = MS.NOSUID | MS.NODEV | MS.NOEXEC;
  const top: Noted[] = list
    ? [mount('tmpfs', target, plain, 'mode=755,size=64k', 'one directory for each v1 hierarchy')]
    : [];
  return {
    host: view.host,
    init: [
      { op: 'real-directory', path: target, why: 'mount point' },
      ...top,
      ...view.init,
      ...(list ? links(cgroups, target) : []),
    ],
    last: list && (flags.flags & MS.RDONLY) !== 0 ? [readOnlyTop(target)] : [],
  };
}
