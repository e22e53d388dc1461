import type { IdMaps, Ulimit } from '../storage/index.ts';

export type { DeviceRule, RecordedDevice, Ulimit } from '../storage/index.ts';

/** A namespace: the container's own, the host's, or that of another container, which must run. */
export type NamespaceChoice = 'private' | 'host' | `container:${string}`;

export interface DeviceSpec {
  /** A node, or a directory: all that are in it. */
  hostPath: string;
  /** Default: the same. */
  path?: string;
  /** Of r (read), w (write), m (mknod); default all. */
  access?: string;
}

/** What sets a container apart from the usual one. */
export interface IsolationSpec {
  /** Every capability and device, no filter, nothing hidden: no isolation that would hold against its root. */
  privileged?: boolean;
  pid?: NamespaceChoice;
  ipc?: NamespaceChoice;
  uts?: NamespaceChoice;
  cgroupns?: NamespaceChoice;
  /**
   * Whose ids its users have on the host. 'host': the same (the default). 'auto': 65536 that no other container has, or
   * as many as `size` says. Else a map.
   */
  userns?: 'host' | 'auto' | { auto: number } | IdMaps;
  devices?: readonly DeviceSpec[];
  /** As devices.allow takes them: "c 10:200 rwm". */
  deviceCgroupRules?: readonly string[];
  /** Of namespaces of its own: "net.ipv4.ip_forward": "1". */
  sysctls?: Readonly<Record<string, string>>;
  ulimits?: readonly Ulimit[];
  /** -1000 to 1000. */
  oomScoreAdj?: number;
  /** Names of its own group file, or numbers. */
  groupAdd?: readonly string[];
  /** Size of /dev/shm; default 64 MiB. */
  shmSizeBytes?: number;
  /** Below each hierarchy's root; default "mydocker". */
  cgroupParent?: string;
  domainname?: string;
  /** Nothing of /proc and /sys hidden or read-only. */
  openPaths?: boolean;
  /** Volumes and bind mounts of other containers: "name" or "name:ro". */
  volumesFrom?: readonly string[];
}
