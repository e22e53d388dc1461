/**
 * The part of the OCI runtime specification's config.json that this engine plans from (runtime-spec config.md,
 * config-linux.md). Field names are the specification's.
 */
export interface OciSpec {
  process: OciProcess;
  root: { path: string; readonly: boolean };
  hostname: string;
  /** In order; beside the ones every container has. */
  mounts: readonly OciMount[];
  linux: OciLinux;
}

export interface OciProcess {
  terminal: boolean;
  consoleSize?: { height: number; width: number };
  /** username is looked up in the container's own passwd and group files: "", "name", "uid:gid" … */
  user: { username: string };
  args: readonly string[];
  env: readonly string[];
  cwd: string;
  capabilities: readonly string[];
  noNewPrivileges: boolean;
  /** linux.seccomp, compiled: struct sock_filter[]; undefined: unconfined. */
  seccomp: Uint8Array | undefined;
}

export interface OciMount {
  destination: string;
  type: 'bind' | 'tmpfs';
  /** bind: a path on the host. */
  source: string;
  /** "ro", "rw", and for tmpfs what tmpfs(5) takes: "size=64m", "mode=1777". */
  options: readonly string[];
  /** bind: whether the source is a file; decides what mount point is made when the image has none. */
  sourceIsFile?: boolean;
}

export interface OciLinux {
  namespaces: ReadonlyArray<'mount' | 'pid' | 'uts' | 'ipc' | 'network' | 'cgroup'>;
  /** Below each hierarchy's root: "mydocker/<id>". */
  cgroupsPath: string;
  resources: {
    memory?: { limit: number };
    cpu?: { quota?: number; period?: number; cpus?: string };
    pids?: { limit: number };
  };
  maskedPaths: readonly string[];
  readonlyPaths: readonly string[];
}

/** Docker's defaults: what of /proc and /sys a container does not see. */
export const DEFAULT_MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
] as const;

/** And what it sees but cannot change. */
export const DEFAULT_READONLY_PATHS = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
] as const;
