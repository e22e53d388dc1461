import type { IsolationSpec } from './isolation-types.ts';
import type { MountSpec } from './mount-types.ts';
import type { NameSpec } from './name-types.ts';
import type { NetworkingSpec } from './network-types.ts';
import type { Resources } from './resource-types.ts';

/** What `run` and `create` take. Absent fields come from the image's config. */
export interface ContainerSpec extends NameSpec, IsolationSpec, NetworkingSpec {
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
}

export interface ExecSpec {
  command: readonly string[];
  tty?: boolean;
  stdin?: boolean;
  env?: readonly string[];
  workdir?: string;
  user?: string;
}
