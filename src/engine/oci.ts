import {
  DEFAULT_CAPABILITIES,
  DEFAULT_MASKED_PATHS,
  DEFAULT_READONLY_PATHS,
  defaultFilter,
  type NamespaceType,
  type OciProcess,
  type OciSpec,
  sameCapabilities,
} from '../runtime/index.ts';
import { type ContainerRecord, type Paths, rootfsDir } from '../storage/index.ts';
import { CONTAINER, sharedNetwork } from './joined.ts';
import { ociResources } from './oci-limits.ts';
import { ociMounts } from './oci-mounts.ts';

/** Where a container's cgroups lie below each hierarchy's root. The full id: two containers never share one. */
export function cgroupsPath({ id, isolation }: Pick<ContainerRecord, 'id' | 'isolation'>): string {
  return `${isolation?.cgroupParent ?? 'mydocker'}/${id}`;
}

const NAMESPACES = ['mount', 'pid', 'uts', 'ipc', 'cgroup'] as const;

/** The namespaces a container does not share with its caller. */
export function namespacesOf(record: ContainerRecord): NamespaceType[] {
  const { isolation = {} } = record;
  const own = NAMESPACES.filter((type) => type === 'mount' || isolation[FIELDS[type]] !== 'host');
  return [
    ...(isolation.users === undefined ? [] : ['user' as const]),
    ...own,
    ...(record.network === 'host' ? [] : ['network' as const]),
  ];
}

const FIELDS = { pid: 'pid', ipc: 'ipc', uts: 'uts', cgroup: 'cgroupns' } as const;

/** The ids of the containers whose namespaces it shares. */
export function joinedContainers(record: ContainerRecord): Map<NamespaceType, string> {
  const joined = new Map<NamespaceType, string>();
  const network = sharedNetwork(record);
  if (network !== undefined) joined.set('network', network);
  for (const [type, field] of Object.entries(FIELDS)) {
    const shared = record.isolation?.[field];
    if (shared?.startsWith(CONTAINER)) joined.set(type as NamespaceType, shared.slice(CONTAINER.length));
  }
  return joined;
}

/** Settings of a network of its own, as Docker has them. */
const NETWORK_SYSCTLS = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
} as const;

/** With users of its own the second would name groups that are none of its. */
const MAPPED_SYSCTLS = { 'net.ipv4.ip_unprivileged_port_start': '0' } as const;

/** The container's filter: its own, compiled when it was created, or the default one. */
function seccompOf(record: ContainerRecord): Uint8Array | undefined {
  if (record.seccomp === 'unconfined') return undefined;
  return record.seccomp === undefined ? defaultFilter() : Buffer.from(record.seccomp, 'base64');
}

/** How a process of this container starts, unless its own flags say otherwise. */
export function processOf(record: ContainerRecord): OciProcess {
  const { isolation = {} } = record;
  return {
    terminal: record.tty,
    user: {
      username: record.user,
      ...(isolation.groupAdd === undefined ? {} : { additionalGroups: isolation.groupAdd }),
    },
    args: [...record.entrypoint, ...record.cmd],
    env: record.env,
    cwd: record.workdir === '' ? '/' : record.workdir,
    capabilities: sameCapabilities(record.capabilities ?? DEFAULT_CAPABILITIES),
    noNewPrivileges: record.noNewPrivileges ?? false,
    seccomp: seccompOf(record),
    ...(isolation.oomScoreAdj === undefined ? {} : { oomScoreAdj: isolation.oomScoreAdj }),
    ...(isolation.ulimits === undefined
      ? {}
      : {
          rlimits: isolation.ulimits.map(({ name, soft, hard }) => ({
            type: `RLIMIT_${name.toUpperCase()}`,
            soft,
            hard,
          })),
        }),
  };
}

/** A process whose namespaces are shared. */
export interface Neighbour {
  pid: number;
  startTicks: number;
}

function linuxOf(
  record: ContainerRecord,
  neighbours: ReadonlyMap<NamespaceType, Neighbour>,
): OciSpec['linux'] {
  const { isolation = {} } = record;
  const { users, devices = [] } = isolation;
  const open = isolation.privileged === true || isolation.openPaths === true;
  const foreign = record.network === 'host' || sharedNetwork(record) !== undefined;
  const network = foreign ? {} : users === undefined ? NETWORK_SYSCTLS : MAPPED_SYSCTLS;
  return {
    namespaces: namespacesOf(record).map((type) => {
      const process = neighbours.get(type);
      return process === undefined ? { type } : { type, process };
    }),
    ...(users === undefined ? {} : { uidMappings: users.uids, gidMappings: users.gids }),
    ...(users === undefined ? { devices } : {}),
    sysctl: { ...network, ...isolation.sysctls },
    cgroupsPath: cgroupsPath(record),
    resources: ociResources(record),
    maskedPaths: open ? [] : DEFAULT_MASKED_PATHS,
    readonlyPaths: open ? [] : DEFAULT_READONLY_PATHS,
  };
}

/**
 * The OCI runtime spec of a container: what the runtime room plans from. `namesDir` holds its hosts, hostname and
 * resolv.conf. Throws NO_MOUNT_SOURCE.
 */
export function ociSpec(
  record: ContainerRecord,
  namesDir: string,
  paths: Paths,
  neighbours: ReadonlyMap<NamespaceType, Neighbour> = new Map(),
): OciSpec {
  const { domainname } = record.isolation ?? {};
  return {
    process: processOf(record),
    root: { path: rootfsDir(paths), readonly: record.readOnly },
    ...(record.isolation?.uts === undefined ? { hostname: record.hostname } : {}),
    ...(domainname === undefined ? {} : { domainname }),
    mounts: ociMounts(record, namesDir, paths),
    linux: linuxOf(record, neighbours),
  };
}
