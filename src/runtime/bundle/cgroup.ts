import { type Action, type Step, type StepNotes, steps } from '../../plan/index.ts';
import { deviceFilter } from '../bpf/device-filter.ts';
import { checkControllers, giveControllers, missing, parentsV1, parentsV2 } from '../cgroup.ts';
import type { CgroupHost } from '../cgroup-host.ts';
import type { Resources } from '../config/linux.ts';
import { DEFAULT_DEVICE_RULES } from '../devices.ts';
import { limitsV1 } from '../limits-v1.ts';
import { limitsV2 } from '../limits-v2.ts';
import type { OciDeviceRule, OciResources } from '../oci-resources.ts';
import type { BundleCgroup } from './input.ts';
import { checkRareLimits, rareLimitsV1 } from './rare-limits.ts';

type Noted = Action & StepNotes;

export interface BundleCgroupPlan {
  host: Step[];
  join: Step[];
  /** v2: the directory the child is cloned into. */
  cloneInto: string | undefined;
}

/** Whatever the configuration denies, a container has the devices that every container has (config-linux.md). */
function deviceRules(asked: Resources['devices']): readonly OciDeviceRule[] {
  if (asked === undefined || asked.length === 0) return DEFAULT_DEVICE_RULES;
  return [...asked, ...DEFAULT_DEVICE_RULES.filter((rule) => rule.allow)];
}

/** Go writes 0 and "" for what was never set: Docker's and podman's configurations have them, and runc takes them so. */
function given<T extends object>(part: T | undefined, keep: readonly (keyof T)[] = []): T | undefined {
  if (part === undefined) return undefined;
  const entries = Object.entries(part).filter(
    ([name, value]) =>
      (value !== 0 && value !== '' && !(Array.isArray(value) && value.length === 0)) ||
      keep.includes(name as keyof T),
  );
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T);
}

/** The resources as the writers of limits take them: what is not set is left out. */
export function limitsOf(resources: Resources): OciResources {
  const memory = given(resources.memory, ['swappiness']);
  const cpu = given(resources.cpu);
  const blockIO = given(resources.blockIO);
  const limit = resources.pids?.limit ?? 0;
  return {
    ...(memory === undefined ? {} : { memory }),
    ...(cpu === undefined ? {} : { cpu }),
    ...(limit === 0 ? {} : { pids: { limit } }),
    ...(blockIO === undefined ? {} : { blockIO }),
    ...(resources.hugepageLimits === undefined ? {} : { hugepageLimits: resources.hugepageLimits }),
    ...(resources.unified === undefined ? {} : { unified: resources.unified }),
    devices: deviceRules(resources.devices),
  } as OciResources;
}

function directory(path: string, why: string): Noted {
  // Some callers make it themselves; that it is empty was checked.
  return { op: 'mkdir', path, mode: 0o755, ignore: 'EEXIST', why, undo: { op: 'rmdir', path } };
}

function killable(path: string): Noted {
  return {
    op: 'own',
    what: 'the processes in the cgroup',
    why: 'whatever still runs in it is killed before the cgroup is removed',
    undo: { op: 'kill-cgroup', path },
  };
}

function planV1(host: CgroupHost, { path, facts }: BundleCgroup, resources: Resources): BundleCgroupPlan {
  const list: Noted[] = [];
  const join: Noted[] = [];
  const limits = limitsOf(resources);
  const has = (name: string): boolean => host.v1.some((h) => h.controllers.includes(name));
  checkControllers(limits, (name) => has(name === 'io' ? 'blkio' : name));
  if (Object.keys(resources.unified ?? {}).length > 0) throw missing('unified', 'files of cgroup v2');
  for (const h of host.v1) {
    const dir = `${h.mount}/${path}`;
    const name = h.controllers.join(',');
    list.push(...parentsV1(h, path, facts));
    list.push(directory(dir, `this container's ${name} cgroup`));
    for (const { file, data, why } of limitsV1(h.controllers, limits, facts))
      list.push({ op: 'write', path: `${dir}/${file}`, data, create: 0, why });
    for (const { file, data, why } of rareLimitsV1(h.controllers, resources))
      list.push({ op: 'write', path: `${dir}/${file}`, data, create: 0, why });
    join.push({ op: 'write', path: `${dir}/tasks`, data: '0', create: 0, why: `join the ${name} cgroup` });
  }
  const freezer = host.v1.find((h) => h.controllers.includes('freezer') || h.controllers.includes('pids'));
  if (freezer !== undefined) list.push(killable(`${freezer.mount}/${path}`));
  return { host: steps('host', ...list), join: steps('init', ...join), cloneInto: undefined };
}

function planV2(host: CgroupHost, { path, facts }: BundleCgroup, resources: Resources): BundleCgroupPlan {
  const root = host.v2 ?? '/sys/fs/cgroup';
  const dir = `${root}/${path}`;
  const wanted = ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids'].filter((name) =>
    host.v2Controllers.includes(name),
  );
  const limits = limitsOf(resources);
  checkControllers(limits, (name) => wanted.includes(name));
  const list: Noted[] = [...giveControllers(host, root, wanted), ...parentsV2(root, path, wanted)];
  list.push(directory(dir, "this container's cgroup"));
  for (const { file, data, why, optional } of limitsV2(limits, facts))
    list.push({
      op: 'write',
      path: `${dir}/${file}`,
      data,
      create: 0,
      ...(optional === true ? { ignore: 'ENOENT' } : {}),
      why,
    });
  list.push({
    op: 'bpf-device',
    path: dir,
    program: deviceFilter(limits.devices ?? []),
    why: 'the devices it may use: goes with the cgroup, binds everything born in it',
  });
  list.push(killable(dir));
  return { host: steps('host', ...list), join: [], cloneInto: dir };
}

/** Directories and limits of a bundle's cgroup. */
export function bundleCgroup(host: CgroupHost, cgroup: BundleCgroup, resources: Resources): BundleCgroupPlan {
  checkRareLimits(host, resources);
  return host.version === 2 ? planV2(host, cgroup, resources) : planV1(host, cgroup, resources);
}
