import { badInput } from '../base/index.ts';
import { SLOT_COUNT, type Step, steps } from '../plan/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { deviceSteps } from './devices.ts';
import { idmapSlot } from './idmap.ts';
import { cgroupMounts, mountStep } from './kernel-mounts.ts';
import { mountFlags } from './mount-flags.ts';
import type { Slots } from './slots.ts';
import type { OciMount, OciSpec } from './spec.ts';
import { type TakenTree, takeTree } from './take-tree.ts';

/** A plan holds MAX_STEPS, and a tmpfs takes two of them. */
const MOST_TMPFS = 200;

export function isBind(m: OciMount): boolean {
  return m.type === 'bind' || m.options.includes('bind') || m.options.includes('rbind');
}

/** A file or directory of the host takes a descriptor too, from before the clone until it is attached inside. */
function checkCounts(spec: OciSpec, free: number): void {
  const binds = spec.mounts.filter(isBind).length;
  const own = ['/dev', '/dev/shm'];
  const tmpfs = spec.mounts.filter((m) => m.type === 'tmpfs' && !own.includes(m.destination)).length;
  if (binds > free) {
    throw badInput(
      `${binds} mounts of files and directories of the host, /etc/hosts, hostname and resolv.conf among them, are too many: there can be ${free}`,
      { remedy: 'mount a directory that holds several of them' },
    );
  }
  if (tmpfs > MOST_TMPFS) {
    throw badInput(`${tmpfs} tmpfs mounts are too many: there can be ${MOST_TMPFS}`, {
      remedy: 'use directories below one of them',
    });
  }
}

/** A file system of its own, mounted from the inside. */
function freshMount(m: OciMount, host: CgroupHost): Step[] {
  const flags = mountFlags(m.options);
  const why = m.why ?? `a ${m.type} asked for`;
  const list: Parameters<typeof steps>[1][] = [
    {
      op: 'real-directory',
      path: m.destination,
      why: 'an image whose mount point is a link would have it land elsewhere',
    },
  ];
  if (m.type === 'cgroup' || m.type === 'cgroup2')
    list.push(...cgroupMounts(host, m.destination, flags, why));
  else list.push(mountStep(m.source, m.destination, m.type, flags.flags, flags.data.join(','), why));
  for (const { type } of flags.propagation)
    list.push(mountStep('', m.destination, '', type, '', 'how mounts below it travel'));
  return steps('init', ...list);
}

/** A file or directory of the host, from the host's paths to the container's. */
export function bindTree(m: OciMount, slots: Slots): TakenTree {
  const before: Step[] = [];
  const idmap = idmapSlot(m, slots, before);
  const { host, init } = takeTree(slots.take(), m.source, m.destination, {
    flags: mountFlags(m.options),
    isFile: m.sourceIsFile ?? false,
    why: m.why ?? `${m.source} of the host at ${m.destination}`,
    ...(m.below === undefined ? {} : { below: m.below }),
    ...(idmap === undefined ? {} : { idmap }),
  });
  return { host: [...before, ...host], init };
}

/** Everything mounted inside, in the order of the specification; the nodes of /dev as soon as it is there. */
export function planMounts(spec: OciSpec, host: CgroupHost, slots: Slots, firstSlot: number): TakenTree {
  const before: Step[] = [];
  const inside: Step[] = [];
  checkCounts(spec, SLOT_COUNT - firstSlot);
  for (const m of spec.mounts) {
    if (!isBind(m)) {
      inside.push(...freshMount(m, host));
      if (m.destination !== '/dev' || m.type !== 'tmpfs') continue;
      const devices = deviceSteps(spec, slots);
      before.push(...devices.host);
      inside.push(...devices.init);
      continue;
    }
    const taken = bindTree(m, slots);
    before.push(...taken.host);
    inside.push(...taken.init);
  }
  return { host: before, init: inside };
}
