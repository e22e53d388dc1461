import type { OciResources } from './oci-resources.ts';

/**
 * The part of the OCI runtime specification's config.json that this engine plans from (runtime-spec config.md,
 * config-linux.md). Field names are the specification's.
 */
export interface OciSpec {
  process: OciProcess;
  root: { path: string; readonly: boolean };
  hostname?: string;
  domainname?: string;
  /** In order, all of them: /proc and /dev too. */
  mounts: readonly OciMount[];
  linux: OciLinux;
}

export interface OciProcess {
  terminal: boolean;
  consoleSize?: { height: number; width: number };
  user: OciUser;
  args: readonly string[];
  env: readonly string[];
  cwd: string;
  capabilities: OciCapabilities;
  noNewPrivileges: boolean;
  rlimits?: readonly OciRlimit[];
  /** -1000 to 1000; absent: 0, whatever the caller's is. */
  oomScoreAdj?: number;
  /** linux.seccomp, compiled: struct sock_filter[]; undefined: unconfined. */
  seccomp: Uint8Array | undefined;
}

export interface OciUser {
  /** Looked up in the container's own passwd and group files: "", "name", "uid:gid" … */
  username: string;
  /** Groups more, names or numbers, looked up in the container's own group file. */
  additionalGroups?: readonly string[];
  umask?: number;
}

/** Five lists of names, "CAP_CHOWN"; capabilities(7). */
export interface OciCapabilities {
  bounding: readonly string[];
  effective: readonly string[];
  permitted: readonly string[];
  inheritable: readonly string[];
  ambient: readonly string[];
}

/** The sets of a program that starts as root: all it may ever have, and nothing that outlasts giving root up. */
export function sameCapabilities(names: readonly string[]): OciCapabilities {
  return { bounding: names, effective: names, permitted: names, inheritable: [], ambient: [] };
}

export interface OciRlimit {
  /** "RLIMIT_NOFILE"; getrlimit(2). */
  type: string;
  /** RLIM_INFINITY: -1. */
  soft: number;
  hard: number;
}

export interface OciMount {
  destination: string;
  /** "bind", "tmpfs", "proc", "cgroup" … as mount(8) has them. */
  type: string;
  /** bind: a path on the host. */
  source: string;
  /** As the specification lists them: "ro", "rro", "rbind", "rslave", "nosuid", and what the file system itself takes. */
  options: readonly string[];
  /** bind: what of the source is mounted; links in it stay in it. */
  below?: string;
  /** bind: whether the source is a file; decides what mount point is made when the root has none. */
  sourceIsFile?: boolean;
  /** Whose files they are inside: an idmapped mount. */
  uidMappings?: readonly OciIdMapping[];
  gidMappings?: readonly OciIdMapping[];
  /** The reason, for `explain`; absent: told from the type. */
  why?: string;
}

export interface OciIdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export type NamespaceType = 'mount' | 'pid' | 'uts' | 'ipc' | 'network' | 'cgroup' | 'user';

export interface OciNamespace {
  type: NamespaceType;
  /** A namespace that is there already: its file (/proc/PID/ns/net, a bind mount of one). Absent: a new one. */
  path?: string;
  /** The same, by a process in it: refused when the pid is another process by now. */
  process?: { pid: number; startTicks: number };
}

export interface OciDevice {
  path: string;
  type: 'b' | 'c' | 'p' | 'u';
  major: number;
  minor: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
}

export interface OciLinux {
  /** Those of the container's own, or joined; of the others it has its caller's. */
  namespaces: readonly OciNamespace[];
  /** Of a new user namespace. */
  uidMappings?: readonly OciIdMapping[];
  gidMappings?: readonly OciIdMapping[];
  /** Beside those every container has. */
  devices?: readonly OciDevice[];
  /** Below each hierarchy's root: "mydocker/<id>". */
  cgroupsPath: string;
  resources: OciResources;
  /** "net.ipv4.ip_forward": "1". */
  sysctl?: Readonly<Record<string, string>>;
  maskedPaths: readonly string[];
  readonlyPaths: readonly string[];
}

/** True when the container has a namespace of its own, or another's, and not its caller's. */
export function hasNamespace(linux: OciLinux, type: NamespaceType): boolean {
  return linux.namespaces.some((ns) => ns.type === type);
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
