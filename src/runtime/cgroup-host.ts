import { existsSync, readFileSync } from 'node:fs';

/** One mounted cgroup hierarchy. */
export interface Hierarchy {
  /** Mount point: "/sys/fs/cgroup/memory". */
  mount: string;
  /** v1: the controllers on it; v2: empty. */
  controllers: readonly string[];
}

/** How this host's cgroups are laid out. */
export interface CgroupHost {
  /** v1: only v1 hierarchies carry controllers (a v2 tree may stand beside them, "hybrid"). v2: unified. */
  version: 1 | 2;
  hybrid: boolean;
  v1: readonly Hierarchy[];
  /** Mount point of the v2 tree, if any. */
  v2: string | undefined;
  /** v2: controllers the root offers. */
  v2Controllers: readonly string[];
  /** v2: those that are on already for what is below it. */
  v2Enabled?: readonly string[];
  /** v2: what we see as the root is none of the kernel's but was given to us, and there are processes in it. */
  v2Crowded?: boolean;
}

const V1_CONTROLLERS = new Set([
  'memory',
  'cpu',
  'cpuacct',
  'cpuset',
  'pids',
  'freezer',
  'devices',
  'blkio',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'rdma',
]);

/** Those a container joins: the ones with limits of ours, its accounting, freezing, and device rules. */
const USED = new Set(['memory', 'cpu', 'cpuacct', 'cpuset', 'pids', 'freezer', 'devices', 'blkio']);

/** Reads mount lines as /proc/self/mountinfo has them (proc(5)). */
export function parseCgroupMounts(mountinfo: string): Pick<CgroupHost, 'v1' | 'v2'> {
  const v1: Hierarchy[] = [];
  let v2: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const dash = line.indexOf(' - cgroup');
    if (dash < 0) continue;
    const mount = line.split(' ', 5)[4] ?? '';
    const [type, , superOptions = ''] = line.slice(dash + 3).split(' ');
    if (type === 'cgroup2') v2 ??= mount;
    else if (type === 'cgroup') {
      const controllers = superOptions.split(',').filter((option) => V1_CONTROLLERS.has(option));
      const known = v1.some((h) => h.controllers.join() === controllers.join());
      if (controllers.some((name) => USED.has(name)) && !known) v1.push({ mount, controllers });
    }
  }
  return { v1, v2 };
}

/**
 * True where the v1 devices controller, or on v2 a BPF program, decides which nodes a container may open. Without, nothing would stop a node of the host's disk, be it from the image or
 * made with CAP_MKNOD: then the root is mounted nodev, and the capability is withheld.
 */
export function hasDeviceRules(host: CgroupHost): boolean {
  return host.version === 2 || host.v1.some((h) => h.controllers.includes('devices'));
}

/** The capabilities a container may keep on this host. */
export function safeCapabilities(names: readonly string[], host: CgroupHost): string[] {
  return names.filter((name) => name !== 'CAP_MKNOD' || hasDeviceRules(host));
}

/** Looks at the running host; one small file on v1, two on v2. */
export function detectCgroups(): CgroupHost {
  const { v1, v2 } = parseCgroupMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (v1.length > 0 || v2 === undefined) {
    return { version: 1, hybrid: v2 !== undefined, v1, v2, v2Controllers: [] };
  }
  const read = (file: string): string[] => readFileSync(`${v2}/${file}`, 'utf8').trim().split(/\s+/);
  const [v2Controllers, v2Enabled] = [read('cgroup.controllers'), read('cgroup.subtree_control')];
  // The kernel's own root has no cgroup.type, and may have processes beside cgroups.
  const isGiven = existsSync(`${v2}/cgroup.type`);
  const v2Crowded = isGiven && read('cgroup.procs').some((pid) => pid !== '');
  return { version: 2, hybrid: false, v1, v2, v2Controllers, v2Enabled, v2Crowded };
}
