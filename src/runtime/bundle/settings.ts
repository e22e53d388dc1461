import type { Action, StepNotes } from '../../plan/index.ts';
import type { Config } from '../config/config.ts';
import { MEMORY_MODES } from '../config/linux.ts';
import { maskOf } from '../config/number-list.ts';
import { MOUNT_ATTR, MS } from '../constants.ts';
import { sysctlPath } from '../finish.ts';
import { rootPropagation } from './mounts.ts';
import { hasNamespace } from './namespaces.ts';

type Noted = Action & StepNotes;

const DOMAINS: Readonly<Record<string, number>> = { LINUX: 0, LINUX32: 8 };

/** What is set when all is mounted, before it is made read-only. */
export function settings(config: Config): Noted[] {
  const list: Noted[] = [];
  for (const [name, value] of Object.entries(config.linux?.sysctl ?? {}))
    list.push({
      op: 'write',
      path: sysctlPath(name),
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

export function closing(config: Config): Noted[] {
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
  list.push(...memoryPolicy(config));
  return list;
}

const MODE_FLAGS = {
  MPOL_F_NUMA_BALANCING: 1 << 13,
  MPOL_F_RELATIVE_NODES: 1 << 14,
  MPOL_F_STATIC_NODES: 1 << 15,
};

/** linux.memoryPolicy. In the container's cgroup already: a cpuset bounds the nodes. */
export function memoryPolicy({ linux = {} }: Config): Noted[] {
  const policy = linux.memoryPolicy;
  if (policy === undefined) return [];
  const flags = (policy.flags ?? []).reduce((sum, flag) => sum | MODE_FLAGS[flag], 0);
  const mode = MEMORY_MODES.indexOf(policy.mode) | flags;
  const nodes = policy.nodes === undefined ? new Uint8Array() : maskOf(policy.nodes);
  return [
    { op: 'memory-policy', mode, nodes, why: 'linux.memoryPolicy: from which NUMA nodes its memory comes' },
  ];
}
