import { badInput } from '../base/index.ts';
import { type Action, SLOT_COUNT, type Step, type StepNotes, steps } from '../plan/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { MS } from './constants.ts';
import { cgroupMounts, kernelFilesystems, mount } from './kernel-mounts.ts';
import type { OciMount, OciSpec } from './spec.ts';
import { type TakenTree, takeTree } from './take-tree.ts';

type Noted = Action & StepNotes;

function tmpfsMount(m: OciMount): Noted {
  let flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
  const data: string[] = [];
  for (const option of m.options) {
    if (option === 'ro') flags |= MS.RDONLY;
    else if (option === 'exec') flags &= ~MS.NOEXEC;
    else if (option === 'suid') flags &= ~MS.NOSUID;
    else if (option === 'dev') flags &= ~MS.NODEV;
    else if (!['rw', 'noexec', 'nosuid', 'nodev'].includes(option)) data.push(option);
  }
  return mount(
    'tmpfs',
    m.destination,
    'tmpfs',
    flags,
    data.join(','),
    'scratch space in memory, asked for with --tmpfs',
  );
}

/** A plan holds MAX_STEPS, and a tmpfs takes two of them. */
const MOST_TMPFS = 200;

/** A file or directory of the host takes a descriptor too, from before the clone until it is attached inside. */
function checkCounts(spec: OciSpec, firstSlot: number): void {
  const count = (type: OciMount['type']): number => spec.mounts.filter((m) => m.type === type).length;
  const most = SLOT_COUNT - firstSlot;
  if (count('bind') > most) {
    throw badInput(
      `${count('bind')} mounts of files and directories of the host, /etc/hosts, hostname and resolv.conf among them, are too many: there can be ${most}`,
      { remedy: 'mount a directory that holds several of them' },
    );
  }
  if (count('tmpfs') > MOST_TMPFS) {
    throw badInput(`${count('tmpfs')} tmpfs mounts are too many: there can be ${MOST_TMPFS}`, {
      remedy: 'use directories below one of them',
    });
  }
}

/** Everything mounted inside: kernel file systems, then what was asked for, in its order. */
export function planMounts(spec: OciSpec, host: CgroupHost, firstSlot: number): TakenTree {
  const before: Step[] = [];
  const inside: Step[] = steps(
    'init',
    ...kernelFilesystems(spec.linux.namespaces.includes('network')),
    ...cgroupMounts(host),
  );
  let slot = firstSlot;
  checkCounts(spec, firstSlot);
  for (const m of spec.mounts) {
    if (m.type === 'tmpfs') {
      inside.push(
        ...steps('init', { op: 'real-directory', path: m.destination, why: 'mount point' }, tmpfsMount(m)),
      );
      continue;
    }
    const readOnly = m.options.includes('ro');
    const taken = takeTree(slot++, m.source, m.destination, {
      readOnly,
      isFile: m.sourceIsFile ?? false,
      recursive: true,
      why: `${m.source} of the host at ${m.destination}`,
    });
    before.push(...taken.host);
    inside.push(...taken.init);
  }
  return { host: before, init: inside };
}
