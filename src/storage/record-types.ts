/** What a container's record keeps of its mounts, limits and isolation. Plain data; units stand in the names. */

export type Propagation = 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared';

/** One run of ids: `size` from `containerID` on are those from `hostID` on. */
export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

/** Who is who; the first list for users, the second for groups. */
export interface IdMaps {
  uids: IdMapping[];
  gids: IdMapping[];
}

/** A file or directory of the host. */
export interface BindMount {
  type: 'bind';
  source: string;
  target: string;
  readOnly: boolean;
  /**
   * Mounts below the source. Default 'enabled': they come along, read-only with it. 'disabled': they stay out.
   * 'writable': they keep their own flags. 'readonly': as 'enabled', and refused without readOnly.
   */
  recursive?: 'enabled' | 'disabled' | 'writable' | 'readonly';
  /** Default rprivate: mounts made on one side are not seen on the other. */
  propagation?: Propagation;
  /** Whose its files are inside: true: as the container's users are mapped. */
  idmap?: true | IdMaps;
}

export interface TmpfsMount {
  type: 'tmpfs';
  target: string;
  readOnly: boolean;
  sizeBytes?: number;
  mode?: number;
  options?: string[];
}

/** A volume as a record keeps it: it has a name by then. */
export interface VolumeMount {
  type: 'volume';
  name: string;
  target: string;
  readOnly: boolean;
  /** Made for this container alone, without a name of the user's. */
  anonymous?: boolean;
  /** An empty volume stays empty; otherwise it gets what the image has at the target. */
  noCopy?: boolean;
  /** A directory in the volume that is mounted, instead of all of it. */
  subpath?: string;
}

/** The files of another image, read-only. */
export interface ImageMount {
  type: 'image';
  image: string;
  imageId: string;
  /** Unpacked layers, newest first. */
  layers: string[];
  target: string;
  readOnly: true;
  subpath?: string;
}

export type RecordedMount = BindMount | TmpfsMount | VolumeMount | ImageMount;

/** Bytes, or operations, a second on one block device. */
export interface DeviceRate {
  path: string;
  major: number;
  minor: number;
  rate: number;
}

/** Limits; an absent field means none. */
export interface RecordedResources {
  memoryBytes?: number;
  /** Memory and swap together; -1: as much swap as there is. Default: twice the memory. */
  memorySwapBytes?: number;
  /** What it is pushed back to when the host lacks memory. */
  memoryReservationBytes?: number;
  /** 0 to 100; cgroup v1 only. */
  memorySwappiness?: number;
  /** At the limit its processes wait, and are not killed; cgroup v1 only. */
  oomKillDisable?: boolean;
  /** CPU time in each period, in microseconds: 50000 is half a core. */
  cpuQuotaUs?: number;
  /** Default 100 ms. */
  cpuPeriodUs?: number;
  /** Weight when cores are short, 2 to 262144; the kernel's default is 1024. */
  cpuShares?: number;
  /** Lists as the kernel writes them: "0,2-3". */
  cpusetCpus?: string;
  cpusetMems?: string;
  pidsLimit?: number;
  /** Weight when the disk is busy, 10 to 1000. */
  blkioWeight?: number;
  blkioWeightDevice?: DeviceRate[];
  readBps?: DeviceRate[];
  writeBps?: DeviceRate[];
  readIops?: DeviceRate[];
  writeIops?: DeviceRate[];
}

export interface RecordedDevice {
  /** In the container. */
  path: string;
  hostPath: string;
  type: 'b' | 'c';
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
  /** Of r, w, m. */
  access: string;
}

export interface DeviceRule {
  type: 'a' | 'b' | 'c';
  major?: number;
  minor?: number;
  access: string;
}

export interface Ulimit {
  /** "nofile". */
  name: string;
  /** -1: no limit. */
  soft: number;
  hard: number;
}

/** 'host', or the id of the container it shares it with: "container:<id>". */
export type SharedNamespace = 'host' | `container:${string}`;

/** What sets a container apart from the usual one; an absent field is the default. */
export interface RecordedIsolation {
  privileged?: boolean;
  pid?: SharedNamespace;
  ipc?: SharedNamespace;
  uts?: SharedNamespace;
  cgroupns?: SharedNamespace;
  /** Users of its own. */
  users?: IdMaps;
  /** The block of ids that was taken for it alone, by its number. */
  userBlock?: number;
  devices?: RecordedDevice[];
  deviceRules?: DeviceRule[];
  sysctls?: Record<string, string>;
  ulimits?: Ulimit[];
  oomScoreAdj?: number;
  groupAdd?: string[];
  shmBytes?: number;
  /** Below each hierarchy's root; without slashes at the ends. */
  cgroupParent?: string;
  domainname?: string;
  /** Nothing of /proc and /sys is hidden or read-only. */
  openPaths?: boolean;
}
