import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { cgroupDir } from '../runtime/index.ts';
import type { ContainerRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { cgroupsPath } from './oci.ts';
import { fullRow, PS_TITLES, psClock } from './ps-row.ts';
import type { Top } from './stats-types.ts';
import { requireRunning } from './status.ts';

/** Every process of a cgroup and of those below it: a container may have made some. */
function pidsBelow(directory: string): number[] {
  try {
    const own = readFileSync(`${directory}/cgroup.procs`, 'latin1').split('\n').filter(Boolean).map(Number);
    const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...below.flatMap(({ name }) => pidsBelow(`${directory}/${name}`))];
  } catch (error) {
    const errno = errnoOf(error);
    // Ended while we looked; EOPNOTSUPP: a threaded cgroup, whose processes are listed above it.
    if (errno === 'ENOENT' || errno === 'ENODEV' || errno === 'EOPNOTSUPP') return [];
    throw error;
  }
}

function pidsOf(core: Core, record: ContainerRecord, fallback: number): number[] {
  const host = core.cgroups();
  const controller = host.v1.some((h) => h.controllers.includes('freezer')) ? 'freezer' : 'pids';
  const directory = cgroupDir(host, cgroupsPath(record), controller);
  return directory === undefined ? [fallback] : [...new Set(pidsBelow(directory))].sort((a, b) => a - b);
}

function psFailed(name: string, cause: string, remedy: string): MydockerError {
  return new MydockerError('PS_FAILED', `cannot show the processes of ${name}: ${cause}`, {
    subject: name,
    remedy,
    exitCode: 1,
  });
}

/** Rows of ps(1)'s own table that are about these processes. The last column takes what is left of a line. */
export function rowsOfPs(text: string, pids: ReadonlySet<number>): Top | undefined {
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const titles = head.trim().split(/\s+/);
  const at = titles.indexOf('PID');
  if (at < 0) return undefined;
  const last = titles.length - 1;
  const processes = lines
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => pids.has(Number(fields[at])))
    .map((fields) => [...fields.slice(0, last), fields.slice(last).join(' ')]);
  return { titles, processes };
}

/** The host's ps(1), with the user's options: as Docker does it. */
function hostPs(name: string, pids: readonly number[], psArguments: readonly string[]): Top {
  const remedy = 'leave the options out, or give some that ps(1) of the host takes, for example: -o pid,args';
  const { error, status, stdout, stderr } = spawnSync('ps', psArguments, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C.UTF-8' },
    maxBuffer: 2 ** 26,
  });
  if (error !== undefined) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw psFailed(name, 'this host has no ps(1)', 'leave the options out, or install it (package procps)');
  }
  // 1: no process was selected.
  if (status !== 0 && stderr.trim() !== '')
    throw psFailed(name, `ps: ${stderr.trim().split('\n')[0] ?? ''}`, remedy);
  const top = rowsOfPs(stdout, new Set(pids));
  if (top === undefined) throw psFailed(name, 'what ps printed has no PID column', remedy);
  return top;
}

/** See LiveContainers.top(). */
export function topOf(core: Core, record: ContainerRecord, psArguments: readonly string[]): Top {
  const state = requireRunning(core.paths, record.id, record.name, 'show the processes of');
  const pids = pidsOf(core, record, state.pid);
  if (psArguments.length > 0) return hostPs(record.name, pids, psArguments);
  const clock = psClock();
  const rows = pids.map((pid) => fullRow(pid, clock)).filter((row) => row !== undefined);
  return { titles: [...PS_TITLES], processes: rows };
}
