/** Limits; an absent field means no limit. A limit that cannot be set fails the start, naming its step. */
export interface Resources {
  memoryBytes?: number;
  /** CPU time per 100 ms of wall time, in microseconds: 50000 is half a core. */
  cpuQuotaUs?: number;
  /** List of cores as the kernel writes it: "0,2-3". */
  cpusetCpus?: string;
  pidsLimit?: number;
}
