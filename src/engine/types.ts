export type { ImageProgress, LayerStatus } from '../image/index.ts';

/** The engine's face: what the CLI, the Docker API and library users see. All data is plain. */

/** A bind mount, volume-less: `-v src:dst[:ro]` and `--mount type=bind|tmpfs,…`. */
export type MountSpec =
  | { type: 'bind'; source: string; target: string; readOnly: boolean }
  | {
      type: 'tmpfs';
      target: string;
      readOnly: boolean;
      sizeBytes?: number;
      mode?: number;
      options?: string[];
    };

/** Limits; an absent field means no limit. A limit that cannot be set fails the start, naming its step. */
export interface Resources {
  memoryBytes?: number;
  /** CPU time per 100 ms of wall time, in microseconds: 50000 is half a core. */
  cpuQuotaUs?: number;
  /** List of cores as the kernel writes it: "0,2-3". */
  cpusetCpus?: string;
  pidsLimit?: number;
}

/** What `run` and `create` take. Absent fields come from the image's config. */
export interface ContainerSpec {
  /** A reference or an image id; absent: the default image. */
  image?: string;
  /** Whether the image comes from its registry first. Default 'missing': only when it is not here. */
  pull?: 'always' | 'missing' | 'never';
  /** For a pull: "linux/arm64"; default this machine's. */
  platform?: string;
  /** Replaces the image's Cmd. Passed as it is: never joined, never split. */
  command?: readonly string[];
  /** Replaces the image's Entrypoint; an empty list clears it. */
  entrypoint?: readonly string[];
  name?: string;
  /** "KEY=value" entries; later ones win over earlier ones and over the image's. */
  env?: readonly string[];
  workdir?: string;
  /** "uid", "name", "uid:gid", "name:group". */
  user?: string;
  tty?: boolean;
  /** Keep standard input open. */
  stdin?: boolean;
  mounts?: readonly MountSpec[];
  resources?: Resources;
  hostname?: string;
  /** Run the shim's tiny init as process 1. */
  init?: boolean;
  /** Root file system read-only. */
  readOnly?: boolean;
  labels?: Readonly<Record<string, string>>;
  /** "SIGTERM", "TERM" or "15". */
  stopSignal?: string;
  /** Seconds between the stop signal and SIGKILL; default 10. */
  stopTimeoutS?: number;
  autoRemove?: boolean;
  /** Capabilities more and less than Docker's default ones: "NET_ADMIN", "CAP_NET_ADMIN", "ALL". */
  capAdd?: readonly string[];
  capDrop?: readonly string[];
  /**
   * System calls: absent: Docker's default allow-list; 'unconfined': all; else a profile as JSON text, of Docker's form or
   * as the OCI runtime specification has it.
   */
  seccomp?: string;
  /** setuid programs and file capabilities give nothing. Default false. */
  noNewPrivileges?: boolean;
  /** 'none': a network namespace with loopback only (the default); 'host': the host's. */
  network?: 'none' | 'host';
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'stopped' | 'broken';

/** One row of `ps`, and the head of `inspect`. */
export interface ContainerSummary {
  /** 64 hex digits. */
  id: string;
  name: string;
  status: ContainerStatus;
  /** Host pid of the container's process 1; only while running. */
  pid?: number;
  /** Exit code of the last run; only when stopped. */
  exitCode?: number;
  /** "" without a network. */
  ip: string;
  /** Full argv: entrypoint and command. */
  command: readonly string[];
  /** Unix milliseconds. */
  createdAtMs: number;
  startedAtMs?: number;
  finishedAtMs?: number;
  /** Reference as the user gave it. */
  image: string;
  imageId: string;
  ports: string;
  labels: Readonly<Record<string, string>>;
  /** Why the last run ended in a way no exit code tells ("the host restarted", "out of memory"), or what is broken. */
  note?: string;
}

/** `inspect` of a container: the summary and everything recorded. */
export interface ContainerDetails extends ContainerSummary {
  path: string;
  args: readonly string[];
  config: {
    env: readonly string[];
    workdir: string;
    user: string;
    tty: boolean;
    stdin: boolean;
    hostname: string;
    entrypoint: readonly string[];
    cmd: readonly string[];
    stopSignal: string;
    stopTimeoutS: number;
  };
  hostConfig: {
    mounts: readonly MountSpec[];
    resources: Resources;
    readOnly: boolean;
    init: boolean;
    autoRemove: boolean;
    network: string;
    capAdd: readonly string[];
    capDrop: readonly string[];
    /** custom: a profile of the caller's, or the default one for other capabilities. */
    seccomp: 'default' | 'unconfined' | 'custom';
    noNewPrivileges: boolean;
  };
  oomKilled: boolean;
  rootDir: string;
  logPath: string;
}

export interface ImageSummary {
  /** Digest of the config: "sha256:…". */
  id: string;
  /** "busybox", or "<none>". */
  repository: string;
  /** "latest", or "<none>". */
  tag: string;
  createdAtMs: number;
  /** Sum of the unpacked sizes of its layers. */
  sizeBytes: number;
  /** "sha256:…": what its registry calls it, else the digest of its manifest. */
  digest: string;
  labels: Readonly<Record<string, string>>;
  /** Why it cannot be used, when its blobs are missing or make no sense. */
  broken?: string;
}

/** One step in the making of an image. */
export interface ImageHistoryEntry {
  /** The image's id for the newest step, else "<missing>". */
  id: string;
  /** Unix milliseconds; 0 when it is not known. */
  createdAtMs: number;
  createdBy: string;
  /** Sum of the sizes of the files of its layer; 0 for a step that changed the config only. */
  sizeBytes: number;
  comment: string;
}

/** What an image takes on the disk: compressed blobs and unpacked layers, in bytes of whole blocks. */
export interface ImageUsage {
  id: string;
  /** What other images need too. */
  sharedBytes: number;
  uniqueBytes: number;
  /** How many containers are made of it. */
  containers: number;
}

/** Who takes how many bytes on the disk; each byte below the root directory is in exactly one of the sums. */
export interface DiskUsage {
  root: string;
  /** What du(1) says of the root directory. */
  totalBytes: number;
  images: ImageUsage[];
  imagesBytes: number;
  /** What goes with the images that no container uses. */
  imagesReclaimableBytes: number;
  containers: Array<ContainerSummary & { diskBytes: number }>;
  containersBytes: number;
  containersReclaimableBytes: number;
  volumes: Array<{ name: string; diskBytes: number }>;
  volumesBytes: number;
  /** Unfinished downloads, and what interrupted commands left. */
  unfinishedBytes: number;
  unfinishedReclaimableBytes: number;
  /** The engine's own: the shim, the list of images, names, directories. */
  engineBytes: number;
}

/** One log entry; `text` still ends in its newline if the program wrote one. */
export interface LogEntry {
  stream: 'stdout' | 'stderr';
  /** RFC 3339 with nanoseconds, UTC. */
  time: string;
  text: string;
}

export interface LogOptions {
  follow?: boolean;
  /** Last N entries. */
  tail?: number;
  sinceMs?: number;
  signal?: AbortSignal;
}

export interface StopResult {
  id: string;
  /** False if the container was not running. */
  wasRunning: boolean;
  /** Present when SIGKILL was sent at once because process 1 would never see the signal. */
  note?: string;
}

export interface ExecSpec {
  command: readonly string[];
  tty?: boolean;
  stdin?: boolean;
  env?: readonly string[];
  workdir?: string;
  user?: string;
}

/** What `engine.run()` and `container.exec()` give. */
export interface RunResult {
  /** 0–255; 128+n when ended by signal n. */
  exitCode: number;
  stdout: Output;
  stderr: Output;
}

/** Captured output: the bytes, and their UTF-8 text. */
export interface Output {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** An open terminal or attached streams: what `run -it`, `exec -it` and `attach` drive. */
export interface Session {
  /** Bytes for the container's standard input. False: wait for onDrain. */
  write(data: Uint8Array): boolean;
  /** End of standard input. */
  end(): void;
  resize(rows: number, cols: number): void;
  signal(signal: number): void;
  onOutput(listener: (stream: 1 | 2, data: Buffer) => void): void;
  onDrain(listener: () => void): void;
  /** Leave without ending the program. */
  detach(): void;
  /** Flow control towards the container. */
  pause(): void;
  resume(): void;
  /** Exit code, or undefined after detach(). Rejects when the program could not be started. */
  readonly done: Promise<number | undefined>;
}

/**
 * How a program's streams are connected.
 * detached: to the log only. inherit: to descriptors of this process. session: framed, for terminals.
 */
export type How = 'detached' | 'inherit' | 'session';

/** Descriptors of this process that become a program's streams with `inherit`. */
export interface StreamFds {
  stdin: number | 'ignore';
  stdout: number | 'ignore';
  stderr: number | 'ignore';
}

/** A program that was started. */
export interface Running {
  id: string;
  name: string;
  /** inherit and session: its exit code; rejects when it could not be started. detached: 0 at once. */
  exit: Promise<number>;
  /** Sends a signal to it; too late is no error. */
  signal(number: number): void;
  session?: Session;
  /** Sentences a user should read. */
  notes: string[];
}
