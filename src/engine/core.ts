import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import type { Fault } from '../plan/index.ts';
import { type CgroupHost, type CgroupV1Facts, detectCgroups, detectIoWeight } from '../runtime/index.ts';
import { createState, type Paths, pathsOf } from '../storage/index.ts';

/** Settings of an engine. */
export interface EngineOptions {
  /** State directory; default /var/lib/mydocker. On ext4, xfs or tmpfs: overlayfs cannot lie on overlayfs. */
  root?: string;
  /** Image used when none is named; default "busybox", which comes with the program. */
  defaultImage?: string;
  /** Network of containers that name none: 'none', 'host' or a network's name. Default "bridge". */
  defaultNetwork?: string;
  /** Where subnets of new networks come from. Default: what the configuration file says, else "10.208.0.0/12". */
  addressPool?: string;
  /** JSON, read when a network is made. Default /etc/mydocker/config.json; need not be there. */
  configFile?: string;
  /** Address of the host that ports are published on when none is given. Default "": all of them. */
  publishIp?: string;
  /** Whether a program that calls run() again and again finds the next one half made: ready.ts. Default true. */
  keepReady?: boolean;
  /** For tests: the step of this index of a launch or exec plan fails with this errno. */
  fault?: Fault;
}

const SWEEP_EVERY_MS = 1000;
const OVERLAYFS_MAGIC = 0x794c7630;

/** What every part of the engine shares: where things lie, and facts about the host, read once. */
export class Core {
  readonly paths: Paths;
  readonly defaultImage: string;
  readonly defaultNetwork: string;
  readonly addressPool: string | undefined;
  readonly configFile: string;
  readonly publishIp: string;
  readonly keepsReady: boolean;
  readonly fault: Fault | undefined;
  private cgroupHost: CgroupHost | undefined;
  private prepared = false;
  private sweptAtMs = 0;

  constructor(options: EngineOptions) {
    this.paths = pathsOf(options.root);
    this.defaultImage = options.defaultImage ?? 'busybox';
    this.defaultNetwork = options.defaultNetwork ?? 'bridge';
    this.addressPool = options.addressPool;
    this.configFile = options.configFile ?? '/etc/mydocker/config.json';
    this.publishIp = options.publishIp ?? '';
    this.keepsReady = options.keepReady ?? true;
    this.fault = options.fault;
  }

  get root(): string {
    return this.paths.root;
  }

  cgroups(): CgroupHost {
    this.cgroupHost ??= detectCgroups();
    return this.cgroupHost;
  }

  /** What decides which files are written for a cgroup at this path below each hierarchy. */
  cgroupFacts(path = 'mydocker/x'): CgroupV1Facts {
    const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'latin1').trim() : '');
    const mountOf = (name: string) => this.cgroups().v1.find((h) => h.controllers.includes(name))?.mount;
    const cpuset = mountOf('cpuset');
    const memory = mountOf('memory');
    const host = this.cgroups();
    const above = path.split('/').slice(0, -1);
    const parents = above.map((_, i) => above.slice(0, i + 1).join('/'));
    const cpusOf = (name: string): string =>
      cpuset === undefined ? '' : read(`${cpuset}/${name}/cpuset.cpus`);
    const cpus = new Map(parents.map((name) => [name, cpusOf(name)]));
    const cpusetEmpty = cpuset === undefined ? [] : parents.filter((name) => cpus.get(name) === '');
    const filled = parents.findLast((name) => !cpusetEmpty.includes(name)) ?? '.';
    return {
      cpus: cpus.get(filled) ?? cpusOf(filled),
      mems: cpuset === undefined ? '' : read(`${cpuset}/${filled}/cpuset.mems`),
      cpusetEmpty,
      hasMemsw: memory !== undefined && existsSync(`${memory}/memory.memsw.limit_in_bytes`),
      get ioWeight() {
        return detectIoWeight(host);
      },
    };
  }

  /** A program that runs one container after the other need not look for others' leftovers each time: true once a second. */
  isSweepDue(): boolean {
    const nowMs = performance.now();
    if (this.sweptAtMs > 0 && nowMs - this.sweptAtMs < SWEEP_EVERY_MS) return false;
    this.sweptAtMs = nowMs;
    return true;
  }

  /** Before anything is changed: we are root, and the root directory can hold containers. */
  prepare(): void {
    if (this.prepared) return;
    if (process.geteuid?.() !== 0) {
      throw new MydockerError(
        'NOT_ROOT',
        'this needs root: namespaces, mounts and cgroups are the kernel’s',
        {
          remedy: 'run it as root (sudo)',
        },
      );
    }
    this.refuseOverlayfs();
    try {
      createState(this.paths);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const readOnly = errno === 'EROFS';
      throw new MydockerError(
        'ROOT_UNUSABLE',
        `cannot use the root directory ${this.root}: ${readOnly ? 'its file system is read-only (EROFS)' : errno}`,
        {
          errno,
          subject: this.root,
          remedy: 'choose a writable directory with --root or MYDOCKER_ROOT',
          cause: error,
        },
      );
    }
    this.prepared = true;
  }

  /** overlayfs cannot hold another overlay's upper directory. Asked of what is there, before anything is made. */
  private refuseOverlayfs(): void {
    let there = this.root;
    while (!existsSync(there)) there = there.slice(0, there.lastIndexOf('/')) || '/';
    if (statfsSync(there).type === OVERLAYFS_MAGIC) {
      throw new MydockerError(
        'ROOT_ON_OVERLAYFS',
        `cannot use the root directory ${this.root}: it lies on overlayfs, which cannot hold another overlay’s upper directory`,
        {
          subject: this.root,
          remedy: 'choose a directory on ext4, xfs or tmpfs with --root or MYDOCKER_ROOT',
        },
      );
    }
  }
}
