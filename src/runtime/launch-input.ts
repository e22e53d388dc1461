import type { Step } from '../plan/index.ts';
import type { CgroupHost } from './cgroup-host.ts';
import type { ImageTree, NeighbourTree } from './extra-trees.ts';
import type { CgroupV1Facts } from './limits-v1.ts';
import type { IdmappedRoot } from './own-users-root.ts';
import type { OciProcess, OciSpec } from './spec.ts';

/** What a launch needs beside the OCI spec: handed across by the engine, so that this room knows no other. */
export interface LaunchInput {
  spec: OciSpec;
  id: string;
  bootId: string;
  cgroups: CgroupHost;
  cgroupFacts: CgroupV1Facts;
  /** Steps that mount the root file system on spec.root.path, from storage; `mapped`: its owners are others inside. */
  rootfs: { host: readonly Step[]; init: readonly Step[]; mapped?: IdmappedRoot };
  images?: readonly ImageTree[];
  neighbours?: readonly NeighbourTree[];
  /** What else it holds while it lives, with undos: steps that do nothing themselves. */
  owned?: readonly Step[];
  /** Its networks, from network. `own`: what it holds while it lives, as `owned`; `gone`: undone before that. */
  network: {
    own: readonly Step[];
    gone: readonly Step[];
    host: readonly Step[];
    init: readonly Step[];
  };
  /** What the monitor does for the container beside its streams, from network. */
  services: { host: readonly Step[]; init: readonly Step[] };
  /** First free descriptor slot. */
  firstSlot: number;
  /** Files and directories the monitor keeps. */
  paths: { runDir: string; containerDir: string; nameFile: string; log: string; running: string };
  log: { maxBytes: number; maxFiles: number };
  autoRemove: boolean;
  stdin: boolean;
  inherit: boolean;
  hold: boolean;
  init: boolean;
}

/** What of it a run does not share with another of the same image and limits. */
export interface FreshInput
  extends Pick<
    LaunchInput,
    'id' | 'paths' | 'bootId' | 'autoRemove' | 'owned' | 'network' | 'services' | 'init'
  > {
  program: Pick<OciProcess, 'args' | 'env'>;
}
