import type { CgroupHost } from '../cgroup-host.ts';
import type { Config } from '../config/config.ts';
import type { CgroupV1Facts } from '../limits-v1.ts';

/** The container's place in the cgroup hierarchies, and what stands there already. */
export interface BundleCgroup {
  /** Below each hierarchy's root, without a leading slash: "docker/<id>". */
  path: string;
  facts: CgroupV1Facts;
}

/** What planBundle() needs beside config.json: facts about the host, looked up by its caller. */
export interface BundleInput {
  config: Config;
  id: string;
  /** Absolute, links resolved. */
  bundle: string;
  rootfs: string;
  /** The container's own directory below the runtime's root. */
  dir: string;
  cgroups: CgroupHost;
  cgroup: BundleCgroup;
  /** Numbers of the mounts whose source is a file. */
  fileSources: ReadonlySet<number>;
  /** Capabilities this process may hand on, as bits. */
  held: bigint;
  /** linux.seccomp, compiled: struct sock_filter[]. */
  seccomp: Uint8Array | undefined;
  seccompFlags: number;
  /** JSON text of the state between whose two parts the process id goes: what hooks and `state` read. */
  state: { head: string; tail: string };
  /** The same for state.json, the container's record. */
  record: { head: string; tail: string };
  options: BundleOptions;
}

/** Flags of `create` and `run`. */
export interface BundleOptions {
  /** The program waits for `start`. */
  waits: boolean;
  /** Somebody stays to wait for its end (`run` in the foreground). */
  stays: boolean;
  consoleSocket: string | undefined;
  pidFile: string | undefined;
  noPivot: boolean;
  noNewKeyring: boolean;
  preserveFds: number;
}
