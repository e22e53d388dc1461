import type { RecordedIsolation, RecordedResources } from '../storage/index.ts';
import type { ContainerMount } from './mount-types.ts';
import type { EndpointSummary, PublishedPort, PublishSpec } from './network-types.ts';

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
  /** Its first address; "" without a network. */
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
  /** "0.0.0.0:8080->80/tcp, …": while it runs. */
  ports: string;
  labels: Readonly<Record<string, string>>;
  /** Those it is in; else what stands for them: "host", "none", "container:<id>". */
  networks: readonly string[];
  /** Names of volumes, and paths of this machine and images that are mounted, with where in the container. */
  mounts: ReadonlyArray<{ source: string; target: string }>;
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
    /** "80/tcp": the image's and the user's. */
    exposedPorts: readonly string[];
  };
  hostConfig: {
    mounts: readonly ContainerMount[];
    resources: RecordedResources;
    /** Only what is not as usual. */
    isolation: RecordedIsolation;
    readOnly: boolean;
    init: boolean;
    autoRemove: boolean;
    network: string;
    /** What was asked for with -p and -P; where it is reached now: `published`. */
    publish: readonly PublishSpec[];
    publishAll: boolean;
    /** Absent: those of the host. */
    dns?: readonly string[];
    dnsSearch?: readonly string[];
    dnsOptions?: readonly string[];
    /** "name:address". */
    extraHosts: readonly string[];
    /** What it may reach; absent: everything. */
    egress?: readonly string[] | 'any';
    capAdd: readonly string[];
    capDrop: readonly string[];
    /** custom: a profile of the caller's, or the default one for other capabilities. */
    seccomp: 'default' | 'unconfined' | 'custom';
    noNewPrivileges: boolean;
  };
  /** Its places in networks, the default route's first; those of the last run, when it does not run. */
  endpoints: readonly EndpointSummary[];
  /** While it runs. */
  published: readonly PublishedPort[];
  oomKilled: boolean;
  rootDir: string;
  /** Where its hosts, hostname and resolv.conf lie. */
  namesDir: string;
  logPath: string;
}

export interface StopResult {
  id: string;
  /** False if the container was not running. */
  wasRunning: boolean;
  /** Present when SIGKILL was sent at once because process 1 would never see the signal. */
  note?: string;
}
