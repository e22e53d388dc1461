import { statSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import {
  DEFAULT_CAPABILITIES,
  DEFAULT_MASKED_PATHS,
  DEFAULT_READONLY_PATHS,
  defaultFilter,
  defaultMounts,
  type NamespaceType,
  type OciMount,
  type OciProcess,
  type OciSpec,
  sameCapabilities,
} from '../runtime/index.ts';
import type { ContainerRecord } from '../storage/index.ts';

/** Where a container's cgroups lie below each hierarchy's root. The full id: two containers never share one. */
export function cgroupsPath(id: string): string {
  return `mydocker/${id}`;
}

const NAMESPACES = ['mount', 'pid', 'uts', 'ipc', 'cgroup'] as const;

/** The namespaces a container does not share with its caller. `made`: only those made for it. */
export function namespacesOf(record: ContainerRecord, made = false): NamespaceType[] {
  const shares = record.network === 'host' || (made && record.network.startsWith('container:'));
  return shares ? [...NAMESPACES] : [...NAMESPACES, 'network'];
}

/** Settings of a network of its own, as Docker has them. */
const NETWORK_SYSCTLS = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
} as const;

const SHM_BYTES = 64 * 1024 * 1024;

function isFile(path: string): boolean {
  try {
    return !statSync(path).isDirectory();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new MydockerError(
      'NO_MOUNT_SOURCE',
      `cannot mount ${path}: ${errno === 'ENOENT' ? 'the host has no such file or directory' : errno}`,
      {
        errno,
        subject: path,
        remedy: 'make it first, or give another source with -v',
      },
    );
  }
}

function mountsOf(record: ContainerRecord, containerDir: string): OciMount[] {
  // With another's network namespace come its names.
  const joined = record.network.startsWith('container:')
    ? record.network.slice('container:'.length)
    : record.id;
  const files = `${containerDir.slice(0, containerDir.lastIndexOf('/'))}/${joined}`;
  const own = ['hosts', 'hostname', 'resolv.conf'].map(
    (name): OciMount => ({
      destination: `/etc/${name}`,
      type: 'bind',
      source: `${files}/${name}`,
      options: ['rbind'],
      sourceIsFile: true,
    }),
  );
  const asked = record.mounts.map((m): OciMount => {
    const mode = m.readOnly ? ['ro'] : [];
    const below = m.readOnly ? ['rro'] : [];
    if (m.type === 'bind') {
      return {
        destination: m.target,
        type: 'bind',
        source: m.source,
        options: ['rbind', ...below],
        sourceIsFile: isFile(m.source),
      };
    }
    const size = m.sizeBytes === undefined ? [] : [`size=${m.sizeBytes}`];
    const bits = m.mode === undefined ? [] : [`mode=${m.mode.toString(8)}`];
    return {
      destination: m.target,
      type: 'tmpfs',
      source: 'tmpfs',
      why: 'scratch space in memory, asked for with --tmpfs',
      options: ['nosuid', 'nodev', 'noexec', ...mode, ...size, ...bits, ...(m.options ?? [])],
    };
  });
  // A mount of the user's on /etc/hosts and the like replaces ours.
  const taken = new Set(asked.map((m) => m.destination));
  return [...own.filter((m) => !taken.has(m.destination)), ...asked];
}

/** The container's filter: its own, compiled when it was created, or the default one. */
function seccompOf(record: ContainerRecord): Uint8Array | undefined {
  if (record.seccomp === 'unconfined') return undefined;
  return record.seccomp === undefined ? defaultFilter() : Buffer.from(record.seccomp, 'base64');
}

/** How a process of this container starts, unless its own flags say otherwise. */
export function processOf(record: ContainerRecord): OciProcess {
  return {
    terminal: record.tty,
    user: { username: record.user },
    args: [...record.entrypoint, ...record.cmd],
    env: record.env,
    cwd: record.workdir === '' ? '/' : record.workdir,
    capabilities: sameCapabilities(record.capabilities ?? DEFAULT_CAPABILITIES),
    noNewPrivileges: record.noNewPrivileges ?? false,
    seccomp: seccompOf(record),
  };
}

/** The OCI runtime spec of a container: what the runtime room plans from. Throws NO_MOUNT_SOURCE. */
export function ociSpec(record: ContainerRecord, containerDir: string): OciSpec {
  const { memoryBytes, cpuQuotaUs, cpusetCpus, pidsLimit } = record.resources;
  const cpu = {
    ...(cpuQuotaUs === undefined ? {} : { quota: cpuQuotaUs, period: 100_000 }),
    ...(cpusetCpus === undefined ? {} : { cpus: cpusetCpus }),
  };
  return {
    process: processOf(record),
    root: { path: `${containerDir}/rootfs`, readonly: record.readOnly },
    hostname: record.hostname,
    mounts: [...defaultMounts({ shmBytes: SHM_BYTES, privileged: false }), ...mountsOf(record, containerDir)],
    linux: {
      namespaces: namespacesOf(record, true).map((type) => ({ type })),
      ...(namespacesOf(record, true).includes('network') ? { sysctl: NETWORK_SYSCTLS } : {}),
      cgroupsPath: cgroupsPath(record.id),
      resources: {
        ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes } }),
        ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
        ...(pidsLimit === undefined ? {} : { pids: { limit: pidsLimit } }),
      },
      maskedPaths: DEFAULT_MASKED_PATHS,
      readonlyPaths: DEFAULT_READONLY_PATHS,
    },
  };
}
