import { MydockerError } from '../base/index.ts';
import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import type { CgroupHost, Hierarchy } from './cgroup-host.ts';
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

function missing(controller: string, flag: string): MydockerError {
  return new MydockerError(
    'NO_CONTROLLER',
    `cannot limit ${flag}: this host has no ${controller} cgroup controller`,
    {
      subject: controller,
      remedy: `run without the limit, or enable the ${controller} controller`,
    },
  );
}

/** A limit whose file does not exist here must be refused, never ignored. */
function checkControllers(resources: OciLinux['resources'], has: (controller: string) => boolean): void {
  if (resources.memory !== undefined && !has('memory')) throw missing('memory', 'memory');
  if (resources.cpu?.quota !== undefined && !has('cpu')) throw missing('cpu', 'CPU time');
  if (resources.cpu?.cpus !== undefined && !has('cpuset')) throw missing('cpuset', 'the set of CPUs');
  if (resources.pids !== undefined && !has('pids')) throw missing('pids', 'the number of processes');
}

/** Docker's device rules (v1): any node may be made, only these may be opened. */
const DEVICE_RULES = [
  'c *:* m',
  'b *:* m',
  'c 1:3 rwm',
  'c 1:5 rwm',
  'c 1:7 rwm',
  'c 1:8 rwm',
  'c 1:9 rwm',
  'c 5:0 rwm',
  'c 5:1 rwm',
  'c 5:2 rwm',
  'c 136:* rwm',
];

function limitsV1(h: Hierarchy, dir: string, parent: string, linux: OciLinux, host: CgroupV1Facts): Noted[] {
  const { memory, cpu, pids } = linux.resources;
  const out: Noted[] = [];
  const set = (file: string, data: string, why: string) =>
    out.push({ op: 'write', path: `${dir}/${file}`, data, create: 0, why });
  if (h.controllers.includes('cpuset')) {
    // A v1 cpuset is born empty and takes no process before both files are set, its parent's first.
    if (host.cpusetParentEmpty) {
      for (const [file, value] of [
        ['cpuset.cpus', host.cpus],
        ['cpuset.mems', host.mems],
      ] as const) {
        out.push({
          op: 'write',
          path: `${parent}/${file}`,
          data: value,
          create: 0,
          why: 'the parent cpuset starts empty',
        });
      }
    }
    set('cpuset.mems', host.mems, 'a cpuset takes no process before its memory nodes are set');
    set(
      'cpuset.cpus',
      cpu?.cpus ?? host.cpus,
      cpu?.cpus ? 'the cores this container may use' : 'all cores: no limit asked',
    );
  }
  if (h.controllers.includes('memory') && memory !== undefined) {
    set(
      'memory.limit_in_bytes',
      String(memory.limit),
      'memory beyond this is reclaimed, then the OOM killer comes',
    );
    if (host.hasMemsw) {
      set(
        'memory.memsw.limit_in_bytes',
        String(memory.limit * 2),
        'memory and swap together: twice the limit, as Docker',
      );
    }
  }
  if (h.controllers.includes('cpu') && cpu?.quota !== undefined) {
    set(
      'cpu.cfs_period_us',
      String(cpu.period ?? 100_000),
      'the length of one accounting period, in microseconds',
    );
    set('cpu.cfs_quota_us', String(cpu.quota), 'CPU time per period, in microseconds');
  }
  if (h.controllers.includes('pids') && pids !== undefined) {
    set('pids.max', String(pids.limit), 'a fork bomb ends here');
  }
  if (h.controllers.includes('devices')) {
    set('devices.deny', 'a', 'no device at all, then the harmless ones one by one');
    for (const rule of DEVICE_RULES) set('devices.allow', rule, 'a device every container has');
  }
  return out;
}

/** Facts about a v1 host that decide which files are written. */
export interface CgroupV1Facts {
  cpus: string;
  mems: string;
  cpusetParentEmpty: boolean;
  hasMemsw: boolean;
}

function planV1(host: CgroupHost, facts: CgroupV1Facts, linux: OciLinux): CgroupPlan {
  checkControllers(linux.resources, (name) => host.v1.some((h) => h.controllers.includes(name)));
  const parentName = linux.cgroupsPath.slice(0, linux.cgroupsPath.lastIndexOf('/'));
  const list: Noted[] = [];
  const join: Noted[] = [];
  const dirOf = (name: string) => {
    const h = host.v1.find((candidate) => candidate.controllers.includes(name));
    return h === undefined ? undefined : `${h.mount}/${linux.cgroupsPath}`;
  };
  for (const h of host.v1) {
    const dir = `${h.mount}/${linux.cgroupsPath}`;
    const parent = `${h.mount}/${parentName}`;
    const name = h.controllers.join(',');
    list.push({
      op: 'mkdir',
      path: parent,
      mode: 0o755,
      ignore: 'EEXIST',
      why: `where all containers' ${name} cgroups are`,
    });
    list.push({
      op: 'mkdir',
      path: dir,
      mode: 0o755,
      why: `this container's ${name} cgroup`,
      undo: { op: 'rmdir', path: dir },
    });
    list.push(...limitsV1(h, dir, parent, linux, facts));
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

function limitsV2(dir: string, linux: OciLinux): Noted[] {
  const { memory, cpu, pids } = linux.resources;
  const out: Noted[] = [];
  const set = (file: string, data: string, why: string) =>
    out.push({ op: 'write', path: `${dir}/${file}`, data, create: 0, why });
  if (memory !== undefined) {
    set('memory.max', String(memory.limit), 'memory beyond this is reclaimed, then the OOM killer comes');
    set('memory.swap.max', String(memory.limit), 'swap: as much again, as Docker');
  }
  if (cpu?.quota !== undefined)
    set('cpu.max', `${cpu.quota} ${cpu.period ?? 100_000}`, 'CPU time per period, in microseconds');
  if (cpu?.cpus !== undefined) set('cpuset.cpus', cpu.cpus, 'the cores this container may use');
  if (pids !== undefined) set('pids.max', String(pids.limit), 'a fork bomb ends here');
  return out;
}

function planV2(host: CgroupHost, linux: OciLinux): CgroupPlan {
  checkControllers(linux.resources, (name) => host.v2Controllers.includes(name));
  const root = host.v2 ?? '/sys/fs/cgroup';
  const parent = `${root}/${linux.cgroupsPath.slice(0, linux.cgroupsPath.lastIndexOf('/'))}`;
  const dir = `${root}/${linux.cgroupsPath}`;
  const wanted = ['cpu', 'cpuset', 'io', 'memory', 'pids'].filter((name) =>
    host.v2Controllers.includes(name),
  );
  const enable = wanted.map((name) => `+${name}`).join(' ');
  const list: Noted[] = [
    {
      op: 'write',
      path: `${root}/cgroup.subtree_control`,
      data: enable,
      create: 0,
      why: 'controllers must be on in every ancestor',
    },
    { op: 'mkdir', path: parent, mode: 0o755, ignore: 'EEXIST', why: "where all containers' cgroups are" },
    {
      op: 'write',
      path: `${parent}/cgroup.subtree_control`,
      data: enable,
      create: 0,
      why: 'and in the parent',
    },
    { op: 'mkdir', path: dir, mode: 0o755, why: "this container's cgroup", undo: { op: 'rmdir', path: dir } },
    ...limitsV2(dir, linux),
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
export function planCgroup(host: CgroupHost, facts: CgroupV1Facts, linux: OciLinux): CgroupPlan {
  return host.version === 2 ? planV2(host, linux) : planV1(host, facts, linux);
}

/** Files through which a second process joins a running container's cgroup: v1 its tasks files, v2 its directory. */
export function joinCgroup(
  host: CgroupHost,
  cgroupsPath: string,
): { tasks: string[]; cloneInto: string | undefined } {
  if (host.version === 2) return { tasks: [], cloneInto: `${host.v2 ?? '/sys/fs/cgroup'}/${cgroupsPath}` };
  return { tasks: host.v1.map((h) => `${h.mount}/${cgroupsPath}/tasks`), cloneInto: undefined };
}
