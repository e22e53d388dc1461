import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { sleep } from '../base/index.ts';
import { cgroupUsage, hostCpu, networkUsage } from '../runtime/index.ts';
import { findContainer, listIds, readRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { cgroupsPath } from './oci.ts';
import type { ContainerStats, StatsOptions } from './stats-types.ts';
import { isBroken, lifeOf, requireRecord } from './status.ts';

const INTERVAL_MS = 1000;
/** Long enough for CPU percents, which are counted in hundredths of a second. */
const ONCE_MS = 500;

interface Known {
  id: string;
  name: string;
}

/** One round's counters, for the next one to be compared with. */
interface Round {
  hostNs: number;
  cpuNs: Map<string, number>;
}

const NOTHING = {
  running: false,
  cpuPercent: 0,
  cpuNs: 0,
  memoryBytes: 0,
  memoryLimitBytes: 0,
  memoryPercent: 0,
  networkRxBytes: 0,
  networkTxBytes: 0,
  blockReadBytes: 0,
  blockWriteBytes: 0,
  pids: 0,
};

function oneOf(core: Core, { id, name }: Known, memoryBytes: number): ContainerStats {
  const base = { id, name, atMs: Date.now(), ...NOTHING };
  const { state } = lifeOf(core.paths, id);
  if (state === undefined) return base;
  const record = readRecord(core.paths, id);
  const known = record === undefined || isBroken(record) ? { id } : record;
  const usage = cgroupUsage(core.cgroups(), cgroupsPath(known));
  // The host's interfaces would count what others sent.
  const own = record !== undefined && !isBroken(record) && record.network !== 'host';
  const { rx, tx } = own ? networkUsage(state.pid) : { rx: 0, tx: 0 };
  const memoryLimitBytes = Math.min(usage.memoryLimitBytes ?? memoryBytes, memoryBytes);
  return {
    ...base,
    ...usage,
    running: true,
    memoryLimitBytes,
    memoryPercent: memoryLimitBytes === 0 ? 0 : (usage.memoryBytes / memoryLimitBytes) * 100,
    networkRxBytes: rx,
    networkTxBytes: tx,
  };
}

/** Docker's formula: the share of the machine's CPU time, times the number of CPUs. */
function cpuPercent(now: number, before: number | undefined, hostNs: number, cpus: number): number {
  if (before === undefined || hostNs <= 0 || now <= before) return 0;
  return ((now - before) / hostNs) * cpus * 100;
}

function everyContainer(core: Core, stopped: boolean): Known[] {
  const list: Array<Known & { createdAtMs: number }> = [];
  for (const id of listIds(core.paths)) {
    if (!stopped && lifeOf(core.paths, id).state === undefined) continue;
    const record = readRecord(core.paths, id);
    if (record === undefined || isBroken(record)) continue;
    list.push({ id, name: record.name, createdAtMs: record.createdAtMs });
  }
  return list.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1));
}

function measure(core: Core, known: readonly Known[], before: Round | undefined) {
  const { ns, cpus } = hostCpu(readFileSync('/proc/stat', 'latin1'));
  const memoryBytes = totalmem();
  const round: Round = { hostNs: ns, cpuNs: new Map() };
  const rows = known.map((one) => {
    const row = oneOf(core, one, memoryBytes);
    if (!row.running) return row;
    round.cpuNs.set(row.id, row.cpuNs);
    const hostNs = ns - (before?.hostNs ?? ns);
    return { ...row, cpuPercent: cpuPercent(row.cpuNs, before?.cpuNs.get(row.id), hostNs, cpus) };
  });
  return { round, rows };
}

/** Rounds of figures, some six small files a container and round. See LiveContainers.stats(). */
export async function* watchStats(
  core: Core,
  refs: readonly string[],
  options: StatsOptions,
): AsyncGenerator<ContainerStats[]> {
  const { once = false, signal } = options;
  const intervalMs = options.intervalMs ?? (once ? ONCE_MS : INTERVAL_MS);
  const named = refs.map((ref): Known => requireRecord(core.paths, findContainer(core.paths, ref)));
  const known = (): Known[] => (refs.length > 0 ? named : everyContainer(core, options.all ?? false));
  let before: Round | undefined;
  for (let first = true; signal?.aborted !== true; first = false) {
    const { round, rows } = measure(core, known(), before);
    before = round;
    if (!once || !first) yield rows;
    if (once && !first) return;
    await sleep(intervalMs, signal);
  }
}
