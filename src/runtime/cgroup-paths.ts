import type { CgroupHost } from './cgroup-host.ts';

/** Directory of a container's cgroup on the hierarchy of a controller; undefined where the host lacks that. */
export function cgroupDir(host: CgroupHost, cgroupsPath: string, controller: string): string | undefined {
  if (host.version === 2) return `${host.v2 ?? '/sys/fs/cgroup'}/${cgroupsPath}`;
  const mount = host.v1.find((h) => h.controllers.includes(controller))?.mount;
  return mount === undefined ? undefined : `${mount}/${cgroupsPath}`;
}

/** A file of it, by its names on v1 and v2. */
export function cgroupFile(
  host: CgroupHost,
  cgroupsPath: string,
  controller: string,
  names: { v1: string; v2: string },
): string | undefined {
  const directory = cgroupDir(host, cgroupsPath, controller);
  return directory === undefined ? undefined : `${directory}/${host.version === 2 ? names.v2 : names.v1}`;
}
