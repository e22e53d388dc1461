import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { CLONE } from './constants.ts';
import { mapText } from './idmap.ts';
import type { Slots } from './slots.ts';
import {
  hasNamespace,
  type NamespaceType,
  type OciIdMapping,
  type OciLinux,
  type OciNamespace,
} from './spec.ts';

type Noted = Action & StepNotes;

export const NAMESPACE_FLAGS: Readonly<Record<NamespaceType, number>> = {
  mount: CLONE.NEWNS,
  pid: CLONE.NEWPID,
  uts: CLONE.NEWUTS,
  ipc: CLONE.NEWIPC,
  network: CLONE.NEWNET,
  cgroup: CLONE.NEWCGROUP,
  user: CLONE.NEWUSER,
};

/** How a container gets its namespaces. */
export interface NamespacePlan {
  /** host, before the clone: handles on the namespaces of others; a pid namespace is entered here, for the child. */
  before: Step[];
  cloneFlags: number;
  /** host-after, before the child goes on. */
  after: Noted[];
  /** init, after the child is in its cgroups. */
  join: Noted[];
  /** init, once the root is the container's: until then it must find its way through directories of the host's root. */
  within: Noted[];
  /** The container has a cgroup namespace of its own: made once it is in its cgroup. */
  ownCgroup: boolean;
}

function isNew(ns: OciNamespace): boolean {
  return ns.path === undefined && ns.process === undefined;
}

/** Who root of the container is on the host. */
export function outside(mappings: readonly OciIdMapping[] = []): number {
  const map = mappings.find((m) => m.containerID === 0);
  return map?.hostID ?? 0;
}

/** A user namespace made for this container. */
export function hasOwnUsers(linux: OciLinux): boolean {
  return linux.namespaces.some((ns) => ns.type === 'user' && isNew(ns));
}

/** One handle for each process or file whose namespaces are joined. */
function openHandles(
  joined: readonly OciNamespace[],
  slots: Slots,
): { steps: Noted[]; slotOf: Map<OciNamespace, number> } {
  const list: Noted[] = [];
  const slotOf = new Map<OciNamespace, number>();
  const known = new Map<string, number>();
  for (const ns of joined) {
    const key = ns.process === undefined ? `path ${ns.path ?? ''}` : `pid ${ns.process.pid}`;
    const slot = known.get(key) ?? slots.take();
    slotOf.set(ns, slot);
    if (known.has(key)) continue;
    known.set(key, slot);
    list.push(
      ns.process === undefined
        ? { op: 'open-namespace', path: ns.path ?? '', slot, why: `the ${ns.type} namespace it joins` }
        : {
            op: 'open-process',
            ...ns.process,
            slot,
            why: 'a process of the container it joins; refused if the pid is another process by now',
          },
    );
  }
  return { steps: list, slotOf };
}

/** setns(2), one call for each handle: the user namespace first, for it gives the right to the others. */
function joinSteps(joined: readonly OciNamespace[], slotOf: Map<OciNamespace, number>): Noted[] {
  const flags = new Map<number, number>();
  const order = [...joined].sort((a, b) => Number(b.type === 'user') - Number(a.type === 'user'));
  for (const ns of order) {
    const slot = slotOf.get(ns) ?? 0;
    flags.set(slot, (flags.get(slot) ?? 0) | NAMESPACE_FLAGS[ns.type]);
  }
  return Array.from(flags, ([slot, bits]) => ({
    op: 'setns',
    slot,
    flags: bits >>> 0,
    why: 'namespaces it shares with another container',
  }));
}

/** The namespaces of a container: made by the clone, joined, or the caller's. */
export function planNamespaces(linux: OciLinux, slots: Slots): NamespacePlan {
  const joined = linux.namespaces.filter((ns) => !isNew(ns));
  const handles = openHandles(joined, slots);
  const pid = joined.find((ns) => ns.type === 'pid');
  const enterPid: Noted[] =
    pid === undefined
      ? []
      : [
          {
            op: 'setns',
            slot: handles.slotOf.get(pid) ?? 0,
            flags: CLONE.NEWPID,
            why: 'holds for children only: the next clone is inside',
          },
        ];
  let cloneFlags = 0;
  for (const ns of linux.namespaces)
    if (isNew(ns) && ns.type !== 'cgroup') cloneFlags |= NAMESPACE_FLAGS[ns.type];
  const own = hasOwnUsers(linux);
  const after: Noted[] = own
    ? [
        {
          op: 'uid-map',
          uidMap: mapText(linux.uidMappings ?? []),
          gidMap: mapText(linux.gidMappings ?? []),
          why: 'who its users are on the host',
        },
      ]
    : [];
  const streams: Noted[] = own
    ? [
        {
          op: 'give-streams',
          uid: outside(linux.uidMappings),
          gid: outside(linux.gidMappings),
          why: 'pipes of the host’s root could not be opened again inside',
        },
      ]
    : [];
  const within: Noted[] = hasNamespace(linux, 'user')
    ? [{ op: 'inner-root', why: 'root of the user namespace: until now it is nobody there' }]
    : [];
  return {
    before: steps('host', ...handles.steps, ...streams, ...enterPid),
    cloneFlags: cloneFlags >>> 0,
    after,
    join: joinSteps(
      joined.filter((ns) => ns.type !== 'pid'),
      handles.slotOf,
    ),
    within,
    ownCgroup: linux.namespaces.some((ns) => ns.type === 'cgroup' && isNew(ns)),
  };
}
