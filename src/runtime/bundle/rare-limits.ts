/** Limits that only a config.json can ask for, and only cgroup v1 has. What no kernel here would obey is refused. */
import { missing } from '../cgroup.ts';
import type { CgroupHost } from '../cgroup-host.ts';
import type { Resources } from '../config/linux.ts';
import type { LimitWrite } from '../limits-v1.ts';

/** Throws NO_CONTROLLER. */
export function checkRareLimits(host: CgroupHost, { network = {}, memory = {} }: Resources): void {
  const has = (name: string): boolean =>
    host.version === 1 && host.v1.some((h) => h.controllers.includes(name));
  if (network.classID !== undefined && !has('net_cls')) throw missing('net_cls', 'the class of its packets');
  if ((network.priorities ?? []).length > 0 && !has('net_prio'))
    throw missing('net_prio', 'the priority of its packets');
  if ((memory.kernelTCP ?? 0) !== 0 && !has('memory')) throw missing('v1 memory', 'memory of TCP buffers');
}

/** What is written into the files of one v1 hierarchy's cgroup. config-linux.md § Network, § Memory */
export function rareLimitsV1(
  controllers: readonly string[],
  { network = {}, memory = {} }: Resources,
): LimitWrite[] {
  const list: LimitWrite[] = [];
  if (controllers.includes('net_cls') && network.classID !== undefined)
    list.push({ file: 'net_cls.classid', data: String(network.classID), why: 'the mark of its packets' });
  if (controllers.includes('net_prio'))
    for (const { name, priority } of network.priorities ?? [])
      list.push({
        file: 'net_prio.ifpriomap',
        data: `${name} ${priority}`,
        why: 'priority on one interface',
      });
  const tcp = memory.kernelTCP ?? 0;
  if (controllers.includes('memory') && tcp !== 0)
    list.push({
      file: 'memory.kmem.tcp.limit_in_bytes',
      data: String(tcp),
      why: 'memory of its TCP buffers',
    });
  return list;
}
