/** linux.resources of the OCI runtime specification (config-linux.md § Control groups). Field names are its own. */
export interface OciResources {
  /** In order: the last rule that fits a device decides. */
  devices?: readonly OciDeviceRule[];
  memory?: OciMemory;
  cpu?: OciCpu;
  /** 0 and less: no limit. */
  pids?: { limit: number };
  blockIO?: OciBlockIo;
  /** pageSize "2MB", limit in bytes. */
  hugepageLimits?: ReadonlyArray<{ pageSize: string; limit: number }>;
  /** cgroup v2 only: file names and what is written into them. */
  unified?: Readonly<Record<string, string>>;
}

export interface OciDeviceRule {
  allow: boolean;
  /** a: all, which is the default. */
  type?: 'a' | 'b' | 'c';
  /** Absent: every number. */
  major?: number;
  minor?: number;
  /** Of r (read), w (write), m (mknod); absent: all three. */
  access?: string;
}

export interface OciMemory {
  /** Bytes; -1: no limit. */
  limit?: number;
  /** Soft limit, in bytes. */
  reservation?: number;
  /** Memory and swap together, in bytes; -1: as much swap as there is. */
  swap?: number;
  /** 0 to 100; cgroup v1 only. */
  swappiness?: number;
  /** cgroup v1 only. */
  disableOOMKiller?: boolean;
}

export interface OciCpu {
  /** Weight against other containers; 1024 is the kernel's default. */
  shares?: number;
  /** Microseconds of CPU time in each period; less than 0: no limit. */
  quota?: number;
  /** Microseconds. */
  period?: number;
  /** Microseconds that may be saved up from periods before. */
  burst?: number;
  realtimeRuntime?: number;
  realtimePeriod?: number;
  /** Cores and memory nodes as the kernel writes them: "0,2-3". */
  cpus?: string;
  mems?: string;
  idle?: number;
}

export interface OciBlockIo {
  /** 10 to 1000. */
  weight?: number;
  weightDevice?: ReadonlyArray<{ major: number; minor: number; weight?: number }>;
  throttleReadBpsDevice?: readonly OciRate[];
  throttleWriteBpsDevice?: readonly OciRate[];
  throttleReadIOPSDevice?: readonly OciRate[];
  throttleWriteIOPSDevice?: readonly OciRate[];
}

/** Bytes, or operations, a second. */
export interface OciRate {
  major: number;
  minor: number;
  rate: number;
}
