/** What the kernel has of a container's limits, on cgroup v1 and v2. */
import { existsSync, readFileSync } from 'node:fs';

const ROOT = '/sys/fs/cgroup';
const isV2 = existsSync(`${ROOT}/cgroup.controllers`);

/** A file of a container's cgroup, by its names on v1 and v2. */
export function cgroupFile(
  id: string,
  controller: string,
  v1: string,
  v2: string,
  parent = 'mydocker',
): string {
  const path = isV2 ? `${ROOT}/${parent}/${id}/${v2}` : `${ROOT}/${controller}/${parent}/${id}/${v1}`;
  return readFileSync(path, 'utf8').trim();
}

export const memoryLimit = (id: string): string =>
  cgroupFile(id, 'memory', 'memory.limit_in_bytes', 'memory.max');
