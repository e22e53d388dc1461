/** What one container used up to a moment, and how much of the CPUs since the round before. */
export interface ContainerStats {
  id: string;
  name: string;
  /** False: not running; all numbers are 0. */
  running: boolean;
  /** Unix milliseconds. */
  atMs: number;
  /** 100 is one whole core. 0 in the first round: there is nothing to compare it with. */
  cpuPercent: number;
  /** All CPU time since it started, in nanoseconds. */
  cpuNs: number;
  /** Without the file pages that the kernel can drop at once (inactive_file), as Docker counts. */
  memoryBytes: number;
  /** The host's memory when there is no limit. */
  memoryLimitBytes: number;
  memoryPercent: number;
  /** Of its own network interfaces but loopback; 0 with `network: 'host'`. */
  networkRxBytes: number;
  networkTxBytes: number;
  /** From and to block devices. */
  blockReadBytes: number;
  blockWriteBytes: number;
  /** Processes and threads. */
  pids: number;
}

export interface StatsOptions {
  /** Between two rounds; default 1000. */
  intervalMs?: number;
  /** One round only: after one interval, so that there are CPU percents. */
  once?: boolean;
  /** Without `refs`: those that do not run, too. */
  all?: boolean;
  signal?: AbortSignal;
}

/** A table of processes. */
export interface Top {
  titles: string[];
  /** One row for each process: as many fields as titles. */
  processes: string[][];
}
