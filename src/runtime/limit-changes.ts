import type { Action, StepNotes } from '../plan/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { type CgroupV1Facts, type LimitWrite, limitsV1 } from './limits-v1.ts';
import { limitsV2 } from './limits-v2.ts';
import type { OciResources } from './oci-resources.ts';

type Noted = Action & StepNotes;

/** Other limits for a cgroup that is there. */
export interface LimitChange {
  host: CgroupHost;
  facts: CgroupV1Facts;
  cgroupsPath: string;
  before: OciResources;
  after: OciResources;
  /** v1: what a new cgroup has of its parent; asked only when --memory-swappiness is taken away. */
  readonly swappiness: string;
  /**
   * v2: the cores or memory nodes of the cgroup above, asked only when a list is taken away: an empty one is refused for a
   * cgroup with processes (ENOSPC) by kernels as recent as 6.1. What is added above later is not in it.
   */
  allOf(file: string): string;
}

/** What a file says when nothing was asked for: a new cgroup's, cgroup-v1/*.rst and cgroup-v2.rst. */
const NEW: Readonly<Record<string, string>> = {
  'memory.limit_in_bytes': '-1',
  'memory.memsw.limit_in_bytes': '-1',
  'memory.soft_limit_in_bytes': '-1',
  'memory.oom_control': '0',
  'cpu.shares': '1024',
  'cpu.cfs_period_us': '100000',
  'cpu.cfs_quota_us': '-1',
  'blkio.weight': '500',
  'blkio.bfq.weight': '100',
  'memory.max': 'max',
  'memory.swap.max': 'max',
  'memory.low': '0',
  'cpu.weight': '100',
  'cpu.max': 'max 100000',
  'io.weight': 'default 100',
  'io.bfq.weight': 'default 100',
  'pids.max': 'max',
};

/** Files that hold a line for each disk: "8:0 1048576", "8:0 rbps=1048576". */
const isPerDisk = ({ file, data }: LimitWrite): boolean => /^\d+:\d+ /.test(data) && !file.startsWith('cpu');

/** One setting: a file, or a part of one. */
function keyOf(write: LimitWrite): string {
  if (!isPerDisk(write)) return write.file;
  return `${write.file} ${write.data.replace(/=.*$/, '').replace(/^(\d+:\d+) \d+$/, '$1')}`;
}

function asNew(write: LimitWrite, change: LimitChange): string {
  const { file, data } = write;
  if (file === 'memory.swappiness') return change.swappiness;
  if (file.startsWith('cpuset.')) return change.allOf(file);
  if (!isPerDisk(write)) return NEW[file] ?? '0';
  const [disk = ''] = data.split(' ');
  if (file === 'io.max') return `${data.replace(/=.*$/, '')}=max`;
  return `${disk} ${file.includes('weight') ? 'default' : '0'}`;
}

const bytesOf = (text: string): number => (text.startsWith('-') ? Number.POSITIVE_INFINITY : Number(text));

/** Memory with swap may never be less than memory alone: raised before it, lowered after it. cgroup-v1/memory.rst */
function inOrder(list: readonly Change[]): Change[] {
  const swap = list.find(({ file }) => file === 'memory.memsw.limit_in_bytes');
  if (swap === undefined) return [...list];
  const others = list.filter((change) => change !== swap);
  return bytesOf(swap.data) > bytesOf(swap.old) ? [swap, ...others] : [...others, swap];
}

interface Change extends LimitWrite {
  old: string;
}

function changesIn(
  before: readonly LimitWrite[],
  after: readonly LimitWrite[],
  change: LimitChange,
): Change[] {
  const old = new Map(before.map((write) => [keyOf(write), write]));
  const changed: Change[] = [];
  for (const write of after) {
    const known = old.get(keyOf(write));
    old.delete(keyOf(write));
    if (known?.data !== write.data) changed.push({ ...write, old: known?.data ?? asNew(write, change) });
  }
  for (const write of old.values())
    changed.push({ ...write, data: asNew(write, change), old: write.data, why: 'no limit any more' });
  return inOrder(changed);
}

/**
 * What is written where, and with each step how to take it back: of several settings all come to hold, or none. Throws NO_CONTROLLER.
 */
export function planLimitChange(change: LimitChange): Noted[] {
  const { host, facts, cgroupsPath, before, after } = change;
  const limits = (resources: OciResources): OciResources => ({ ...resources, devices: [] });
  const places =
    host.version === 2
      ? [
          {
            directory: `${host.v2 ?? '/sys/fs/cgroup'}/${cgroupsPath}`,
            from: limitsV2(limits(before), facts),
            to: limitsV2(limits(after), facts),
          },
        ]
      : host.v1.map((h) => ({
          directory: `${h.mount}/${cgroupsPath}`,
          from: limitsV1(h.controllers, limits(before), facts),
          to: limitsV1(h.controllers, limits(after), facts),
        }));
  const isLimit = ({ file }: LimitWrite): boolean => !file.startsWith('devices.');
  return places.flatMap(({ directory, from, to }) =>
    changesIn(from.filter(isLimit), to.filter(isLimit), change).map(
      ({ file, data, old, why, optional }): Noted => {
        const path = `${directory}/${file}`;
        const step: Noted = {
          op: 'write',
          path,
          data,
          create: 0,
          why,
          undo: { op: 'write', path, data: old, create: 0 },
        };
        return optional === true ? { ...step, ignore: 'ENOENT' } : step;
      },
    ),
  );
}
