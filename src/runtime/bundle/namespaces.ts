import type { Action, StepNotes } from '../../plan/index.ts';
import type { Config } from '../config/config.ts';
import { CLONE } from '../constants.ts';
import { mapText } from '../idmap.ts';
import { SLOT } from './slots.ts';

type Noted = Action & StepNotes;
type Namespace = NonNullable<NonNullable<Config['linux']>['namespaces']>[number];
export type NamespaceType = Namespace['type'];

/** clone(2) flags; time is 0x80 (CLONE_NEWTIME). */
export const NAMESPACE_FLAG: Readonly<Record<NamespaceType, number>> = {
  pid: CLONE.NEWPID,
  network: CLONE.NEWNET,
  mount: CLONE.NEWNS,
  ipc: CLONE.NEWIPC,
  uts: CLONE.NEWUTS,
  user: CLONE.NEWUSER,
  cgroup: CLONE.NEWCGROUP,
  time: 0x80,
};

export interface NamespacePlan {
  /** Flags of clone3. */
  cloneFlags: number;
  /** Before the clone: files opened, those entered that hold for children. */
  host: Noted[];
  /** After the clone, before the child goes on: who is who in a user namespace. */
  after: Noted[];
  /** In the child, host's part done: namespaces of others entered. */
  join: Noted[];
  /** In the child, in its cgroup: a cgroup namespace of its own. */
  ownCgroup: Noted[];
}

function timeOffsets(linux: NonNullable<Config['linux']>): Noted[] {
  const lines = Object.entries(linux.timeOffsets ?? {}).map(
    ([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`,
  );
  if (lines.length === 0) return [];
  return [
    {
      op: 'write',
      path: '/proc/self/timens_offsets',
      data: lines.join(''),
      create: 0,
      why: 'what its clocks are ahead or behind; only as long as nobody is in the namespace (time_namespaces(7))',
    },
  ];
}

/** Which namespaces are made, and which are entered (config-linux.md § Namespaces). */
export function planNamespaces(config: Config): NamespacePlan {
  const linux = config.linux ?? {};
  const plan: NamespacePlan = { cloneFlags: 0, host: [], after: [], join: [], ownCgroup: [] };
  let slot: number = SLOT.firstNamespace;
  for (const { type, path = '' } of linux.namespaces ?? []) {
    const flag = NAMESPACE_FLAG[type];
    if (path !== '') {
      const at = slot++;
      plan.host.push(
        { op: 'open-namespace', path, slot: at, why: `a ${type} namespace that is there already` },
        { op: 'check-namespace', slot: at, type: flag, why: `it must be a ${type} namespace` },
      );
      const enter: Noted = { op: 'setns', slot: at, flags: flag, why: `the ${type} namespace of ${path}` };
      // A pid namespace is entered by children only: setns(2).
      if (type === 'pid' || type === 'time') plan.host.push(enter);
      else plan.join.push(enter);
    } else if (type === 'cgroup') {
      plan.ownCgroup.push({
        op: 'unshare',
        flags: flag,
        why: 'now in its cgroup: that becomes the root it sees',
      });
    } else if (type === 'time') {
      plan.host.push({ op: 'unshare', flags: flag, why: 'clocks of its own, for children from here on' });
      plan.host.push(...timeOffsets(linux));
    } else plan.cloneFlags |= flag;
  }
  if (hasOwnUsers(config)) {
    plan.after.push({
      op: 'uid-map',
      uidMap: mapText(linux.uidMappings ?? []),
      gidMap: mapText(linux.gidMappings ?? []),
      why: 'who its users are on the host',
    });
    plan.join.push({ op: 'inner-root', why: 'root of the user namespace: until now it is nobody there' });
  }
  return plan;
}

/** A user namespace made for this container. */
export function hasOwnUsers(config: Config): boolean {
  return (config.linux?.namespaces ?? []).some((ns) => ns.type === 'user' && (ns.path ?? '') === '');
}

/** True for a namespace that the container does not share with the runtime. */
export function hasNamespace(config: Config, type: NamespaceType): boolean {
  return (config.linux?.namespaces ?? []).some((ns) => ns.type === type);
}
