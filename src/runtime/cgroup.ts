import { MydockerError } from '../base/index.ts';
import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { deviceFilter } from './bpf/device-filter.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { DEFAULT_DEVICE_RULES } from './devices.ts';
import { type CgroupV1Facts, limitsV1 } from './limits-v1.ts';
import { limitsV2 } from './limits-v2.ts';
import type { OciResources } from './oci-resources.ts';
import type { OciLinux } from './spec.ts';

/** What the rest of the plan and the monitor need to know of the container's cgroup. */
export interface CgroupPlan {
  /** host: directories and limits, made before there is a process. */
  host: Step[];
  /** init: the child joins by itself. Empty on v2, where it is born inside. */
  join: Step[];
  /** v2: the directory the child is cloned into. */
  cloneInto: string | undefined;
  /** File that freezes, with the words for it. */
  freezer: { path: string; freeze: string; thaw: string } | undefined;
  /** File with the line "oom_kill N". */
  oomPath: string;
}

type Noted = Action & StepNotes;

export function missing(controller: string, flag: string): MydockerError {
  return new MydockerError(
    'NO_CONTROLLER',
    `cannot limit ${flag}: this host has no ${controller} cgroup controller`,
    {
      subject: controller,
      remedy: `run without the limit, or enable the ${controller} controller`,
    },
  );
}

/** What of a specification is about its cgroup. */
type Limited = Pick<OciLinux, 'cgroupsPath' | 'resources'>;

/** What of the limits needs which controller. */
function needs(resources: OciResources): ReadonlyArray<readonly [controller: string, flag: string]> {
  const { memory, cpu, pids, blockIO, hugepageLimits = [] } = resources;
  const asked = (part: object | undefined): boolean =>
    part !== undefined && Object.values(part).some((value) => value !== undefined);
  const { cpus, mems, ...time } = cpu ?? {};
  return [
    ...(asked(memory) ? [['memory', 'memory'] as const] : []),
    ...(asked(time) ? [['cpu', 'CPU time'] as const] : []),
    ...(cpus !== undefined ? [['cpuset', 'the set of CPUs'] as const] : []),
    ...(mems !== undefined ? [['cpuset', 'the set of memory nodes'] as const] : []),
    ...(pids !== undefined && pids.limit > 0 ? [['pids', 'the number of processes'] as const] : []),
    ...(asked(blockIO) ? [['io', 'block I/O'] as const] : []),
    ...(hugepageLimits.length > 0 ? [['hugetlb', 'huge pages'] as const] : []),
  ];
}

/** A limit whose controller does not exist here must be refused, never ignored. */
export function checkControllers(resources: OciResources, has: (controller: string) => boolean): void {
  for (const [controller, flag] of needs(resources)) if (!has(controller)) throw missing(controller, flag);
}

/** A v1 cpuset is born empty: what is above the container's must be filled first. The cores last: they tell whether all is. */
function fillParent(parent: string, facts: CgroupV1Facts): Noted[] {
  return (['mems', 'cpus'] as const).map((file) => ({
    op: 'write',
    path: `${parent}/cpuset.${file}`,
    data: facts[file],
    create: 0,
    why: 'the parent cpuset starts empty',
  }));
}

/** The directories above the container's own, outermost first: "/a", "/a/b" for "a/b/id". */
function ancestors(cgroupsPath: string): string[] {
  const parts = cgroupsPath.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

/** v1: the directories above the container's own in one hierarchy. */
export function parentsV1(
  { mount, controllers }: CgroupHost['v1'][number],
  path: string,
  facts: CgroupV1Facts,
): Noted[] {
  return ancestors(path).flatMap((above): Noted[] => {
    const parent = `${mount}/${above}`;
    const isEmpty = controllers.includes('cpuset') && facts.cpusetEmpty.includes(above);
    return [
      {
        op: 'mkdir',
        path: parent,
        mode: 0o755,
        ignore: 'EEXIST',
        why: `above this container's ${controllers.join(',')} cgroup`,
      },
      ...(isEmpty ? fillParent(parent, facts) : []),
    ];
  });
}

/** v2: the directories above the container's own, each of which hands the controllers on. */
export function parentsV2(root: string, path: string, wanted: readonly string[]): Noted[] {
  const enable = wanted.map((name) => `+${name}`).join(' ');
  return ancestors(path).flatMap((above): Noted[] => [
    {
      op: 'mkdir',
      path: `${root}/${above}`,
      mode: 0o755,
      ignore: 'EEXIST',
      why: "above this container's cgroup",
    },
    {
      op: 'write',
      path: `${root}/${above}/cgroup.subtree_control`,
      data: enable,
      create: 0,
      why: 'and in every one below it',
    },
  ]);
}

function planV1(host: CgroupHost, facts: CgroupV1Facts, linux: Limited): CgroupPlan {
  const has = (name: string): boolean => host.v1.some((h) => h.controllers.includes(name));
  checkControllers(linux.resources, (name) => has(name === 'io' ? 'blkio' : name));
  if (Object.keys(linux.resources.unified ?? {}).length > 0) throw missing('unified', 'files of cgroup v2');
  const list: Noted[] = [];
  const join: Noted[] = [];
  const dirOf = (name: string) => {
    const h = host.v1.find((candidate) => candidate.controllers.includes(name));
    return h === undefined ? undefined : `${h.mount}/${linux.cgroupsPath}`;
  };
  for (const h of host.v1) {
    const dir = `${h.mount}/${linux.cgroupsPath}`;
    const name = h.controllers.join(',');
    list.push(...parentsV1(h, linux.cgroupsPath, facts));
    list.push({
      op: 'mkdir',
      path: dir,
      mode: 0o755,
      why: `this container's ${name} cgroup`,
      undo: { op: 'rmdir', path: dir },
    });
    for (const { file, data, why } of limitsV1(h.controllers, linux.resources, facts))
      list.push({ op: 'write', path: `${dir}/${file}`, data, create: 0, why });
    join.push({
      op: 'write',
      path: `${dir}/tasks`,
      data: '0',
      create: 0,
      why: `join the ${name} cgroup; "0" in tasks is the caller, and needs no global lock (cgroup.procs waits 20 ms for it)`,
    });
  }
  const killable = dirOf('freezer') ?? dirOf('pids');
  if (killable !== undefined) {
    list.push({
      op: 'own',
      what: 'the processes in the cgroup',
      why: 'whatever still runs in it is killed before the cgroup is removed',
      undo: { op: 'kill-cgroup', path: killable },
    });
  }
  const freezer = dirOf('freezer');
  const memory = dirOf('memory');
  return {
    host: steps('host', ...list),
    join: steps('init', ...join),
    cloneInto: undefined,
    freezer:
      freezer === undefined
        ? undefined
        : { path: `${freezer}/freezer.state`, freeze: 'FROZEN', thaw: 'THAWED' },
    oomPath: memory === undefined ? '' : `${memory}/memory.oom_control`,
  };
}

/** Those who were in the cgroup that we were given: a leaf beside our own directory. */
const OTHERS = 'init';

/** Controllers on below the root; for that a root that is none of the kernel's must have no processes. */
export function giveControllers(host: CgroupHost, root: string, wanted: readonly string[]): Noted[] {
  const missing = wanted.filter((name) => host.v2Enabled?.includes(name) !== true);
  if (missing.length === 0) return [];
  const others = `${root}/${OTHERS}`;
  const clear: Noted[] = [
    {
      op: 'mkdir',
      path: others,
      mode: 0o755,
      ignore: 'EEXIST',
      why: 'for the processes that are in the cgroup we were given',
    },
    {
      op: 'move-processes',
      from: root,
      path: others,
      why: 'a cgroup that gives controllers to those below it may have no processes itself',
    },
  ];
  return [
    ...(host.v2Crowded === true ? clear : []),
    {
      op: 'write',
      path: `${root}/cgroup.subtree_control`,
      data: missing.map((name) => `+${name}`).join(' '),
      create: 0,
      why: 'controllers must be on in every ancestor',
    },
  ];
}

function planV2(host: CgroupHost, facts: CgroupV1Facts, linux: Limited): CgroupPlan {
  checkControllers(linux.resources, (name) => host.v2Controllers.includes(name));
  const root = host.v2 ?? '/sys/fs/cgroup';
  const dir = `${root}/${linux.cgroupsPath}`;
  const wanted = ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'].filter((name) =>
    host.v2Controllers.includes(name),
  );
  const list: Noted[] = [
    ...giveControllers(host, root, wanted),
    ...parentsV2(root, linux.cgroupsPath, wanted),
    { op: 'mkdir', path: dir, mode: 0o755, why: "this container's cgroup", undo: { op: 'rmdir', path: dir } },
    ...limitsV2(linux.resources, facts).map(
      ({ file, data, why, optional }): Noted => ({
        op: 'write',
        path: `${dir}/${file}`,
        data,
        create: 0,
        ...(optional === true ? { ignore: 'ENOENT' } : {}),
        why,
      }),
    ),
    {
      op: 'bpf-device',
      path: dir,
      program: deviceFilter(linux.resources.devices ?? DEFAULT_DEVICE_RULES),
      why: 'the devices it may use: goes with the cgroup, binds everything born in it',
    },
    {
      op: 'own',
      what: 'the processes in the cgroup',
      why: 'whatever still runs in it is killed before the cgroup is removed',
      undo: { op: 'kill-cgroup', path: dir },
    },
  ];
  return {
    host: steps('host', ...list),
    join: [],
    cloneInto: dir,
    freezer: { path: `${dir}/cgroup.freeze`, freeze: '1', thaw: '0' },
    oomPath: wanted.includes('memory') ? `${dir}/memory.events` : '',
  };
}

/** The container's cgroup: the same limits on v1, hybrid and v2. Throws for a limit this host cannot set. */
export function planCgroup(host: CgroupHost, facts: CgroupV1Facts, linux: Limited): CgroupPlan {
  return host.version === 2 ? planV2(host, facts, linux) : planV1(host, facts, linux);
}

/** Files through which a second process joins a running container's cgroup: v1 its tasks files, v2 its directory. */
export function joinCgroup(
  host: CgroupHost,
  cgroupsPath: string,
): { tasks: string[]; cloneInto: string | undefined } {
  if (host.version === 2) return { tasks: [], cloneInto: `${host.v2 ?? '/sys/fs/cgroup'}/${cgroupsPath}` };
  return { tasks: host.v1.map((h) => `${h.mount}/${cgroupsPath}/tasks`), cloneInto: undefined };
}
