import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import { cgroupFile } from './cgroup-paths.ts';

/** What a cgroup says it has used. A controller that is not there gives 0. */
export interface CgroupUsage {
  cpuNs: number;
  /** Less the file pages that can be dropped at once. */
  memoryBytes: number;
  /** undefined: no limit. */
  memoryLimitBytes: number | undefined;
  blockReadBytes: number;
  blockWriteBytes: number;
  pids: number;
}

/** The text of a file of the kernel's; "" when it is gone. ENODEV: the cgroup went while we looked. */
function readKernelFile(path: string | undefined): string {
  if (path === undefined) return '';
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENODEV' || errno === 'ESRCH') return '';
    throw error;
  }
}

/** The number behind a word at the beginning of a line: "usage_usec 12"; 0 when there is none. */
export function keyed(text: string, key: string): number {
  const at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `) + 1;
  return at === 0 && !text.startsWith(`${key} `) ? 0 : Number.parseInt(text.slice(at + key.length + 1), 10);
}

/** v1: "8:0 Read 4096" … (blkio-controller.rst); v2: "8:0 rbytes=4096 wbytes=0 …" (cgroup-v2.rst, io.stat). */
export function blockBytes(text: string): { read: number; write: number } {
  let [read, write] = [0, 0];
  for (const [, word, value] of text.matchAll(/(?:^|\s)(Read |Write |rbytes=|wbytes=)(\d+)/g)) {
    if (word === 'Read ' || word === 'rbytes=') read += Number(value);
    else write += Number(value);
  }
  return { read, write };
}

/** Reads six small files. */
export function cgroupUsage(host: CgroupHost, cgroupsPath: string): CgroupUsage {
  const read = (controller: string, v1: string, v2: string): string =>
    readKernelFile(cgroupFile(host, cgroupsPath, controller, { v1, v2 }));
  const two = host.version === 2;
  const cpu = read('cpuacct', 'cpuacct.usage', 'cpu.stat');
  const memory = Number(read('memory', 'memory.usage_in_bytes', 'memory.current'));
  const stat = read('memory', 'memory.stat', 'memory.stat');
  const inactive = keyed(stat, two ? 'inactive_file' : 'total_inactive_file');
  // "max", or on v1 the largest number of whole pages.
  const limit = Number(read('memory', 'memory.limit_in_bytes', 'memory.max'));
  const block = blockBytes(read('blkio', 'blkio.throttle.io_service_bytes_recursive', 'io.stat'));
  return {
    cpuNs: two ? keyed(cpu, 'usage_usec') * 1000 : Number(cpu),
    memoryBytes: inactive < memory ? memory - inactive : memory,
    memoryLimitBytes: limit > 0 && limit < Number.MAX_SAFE_INTEGER ? limit : undefined,
    blockReadBytes: block.read,
    blockWriteBytes: block.write,
    pids: Number(read('pids', 'pids.current', 'pids.current')),
  };
}

/** All of a machine's CPU time up to now, and how many CPUs are on; of /proc/stat (proc(5)). */
export function hostCpu(text: string): { ns: number; cpus: number } {
  const [first = ''] = text.split('\n', 1);
  // user nice system idle iowait irq softirq, in hundredths of a second: what Docker adds up.
  const ticks = first.trim().split(/\s+/).slice(1, 8).map(Number);
  return { ns: ticks.reduce((sum, n) => sum + n, 0) * 1e7, cpus: text.match(/^cpu\d/gm)?.length ?? 1 };
}

/** Bytes of all interfaces but loopback, of /proc/PID/net/dev (proc(5)). */
export function networkBytes(text: string): { rx: number; tx: number } {
  let [rx, tx] = [0, 0];
  for (const [, name, rest = ''] of text.matchAll(/^\s*([^\s:]+):(.*)$/gm)) {
    if (name === 'lo') continue;
    const fields = rest.trim().split(/\s+/).map(Number);
    rx += fields[0] ?? 0;
    tx += fields[8] ?? 0;
  }
  return { rx, tx };
}

/** The same for the network namespace of a process; 0 once it is gone. */
export function networkUsage(pid: number): { rx: number; tx: number } {
  return networkBytes(readKernelFile(`/proc/${pid}/net/dev`));
}
