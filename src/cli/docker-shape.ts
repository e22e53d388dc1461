import type { ContainerDetails, ContainerMount, ContainerStatus } from '../engine/types.ts';
import { isolationFields, limitFields } from './docker-host-config.ts';
import { exposedPorts, networkSettings, portBindings } from './docker-network.ts';

/** Docker's word for each status. */
const DOCKER_STATUS: Readonly<Record<ContainerStatus, string>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  stopped: 'exited',
  broken: 'dead',
};

/** "0001-01-01T00:00:00Z" is Go's zero time: what Docker prints for "never". */
function time(timeMs: number | undefined): string {
  return timeMs === undefined ? '0001-01-01T00:00:00Z' : new Date(timeMs).toISOString();
}

function state(details: ContainerDetails): Record<string, unknown> {
  const { status } = details;
  return {
    Status: DOCKER_STATUS[status],
    Running: status === 'running' || status === 'paused',
    Paused: status === 'paused',
    Restarting: false,
    OOMKilled: details.oomKilled,
    Dead: status === 'broken',
    Pid: details.pid ?? 0,
    ExitCode: details.exitCode ?? 0,
    Error: details.note ?? '',
    StartedAt: time(details.startedAtMs),
    FinishedAt: time(details.finishedAtMs),
  };
}

function mount(spec: ContainerMount): Record<string, unknown> {
  const source = { bind: 'source', volume: 'name', image: 'image', tmpfs: '' } as const;
  const field = source[spec.type];
  const propagation = spec.type === 'bind' ? (spec.propagation ?? 'rprivate') : '';
  return {
    Type: spec.type,
    ...(spec.type === 'volume' ? { Name: spec.name, Driver: 'local' } : {}),
    Source: field === '' ? '' : (spec as unknown as Record<string, string>)[field],
    Destination: spec.target,
    Mode: spec.readOnly ? 'ro' : '',
    RW: !spec.readOnly,
    Propagation: propagation,
  };
}

function securityOptions(host: ContainerDetails['hostConfig']): string[] | null {
  const seccomp = host.seccomp === 'default' ? [] : [`seccomp=${host.seccomp}`];
  const list = host.noNewPrivileges ? ['no-new-privileges', ...seccomp] : seccomp;
  return list.length === 0 ? null : list;
}

function hostConfig({ hostConfig: host }: ContainerDetails): Record<string, unknown> {
  const binds = host.mounts.flatMap((spec) =>
    spec.type === 'bind' ? [`${spec.source}:${spec.target}${spec.readOnly ? ':ro' : ''}`] : [],
  );
  const { resources } = host;
  return {
    Binds: binds,
    NetworkMode: host.network,
    PortBindings: portBindings(host.publish),
    PublishAllPorts: host.publishAll,
    Dns: host.dns ?? [],
    DnsSearch: host.dnsSearch ?? [],
    DnsOptions: host.dnsOptions ?? [],
    ExtraHosts: host.extraHosts.length === 0 ? null : host.extraHosts,
    AutoRemove: host.autoRemove,
    Init: host.init,
    ReadonlyRootfs: host.readOnly,
    Memory: resources.memoryBytes ?? 0,
    NanoCpus: resources.cpuQuotaUs === undefined ? 0 : resources.cpuQuotaUs * 10_000,
    Egress: host.egress ?? null,
    CapAdd: host.capAdd.length === 0 ? null : host.capAdd,
    CapDrop: host.capDrop.length === 0 ? null : host.capDrop,
    SecurityOpt: securityOptions(host),
    ...limitFields(host),
    ...isolationFields(host),
  };
}

/** A container as `docker inspect` prints it. */
export function dockerContainer(details: ContainerDetails): Record<string, unknown> {
  const { config } = details;
  return {
    Id: details.id,
    Created: time(details.createdAtMs),
    Path: details.path,
    Args: details.args,
    State: state(details),
    Image: details.imageId,
    ResolvConfPath: `${details.namesDir}/resolv.conf`,
    HostnamePath: `${details.namesDir}/hostname`,
    HostsPath: `${details.namesDir}/hosts`,
    LogPath: details.logPath,
    Name: `/${details.name}`,
    Driver: 'overlay2',
    Platform: 'linux',
    HostConfig: hostConfig(details),
    Mounts: details.hostConfig.mounts.map(mount),
    Config: {
      Hostname: config.hostname,
      User: config.user,
      Tty: config.tty,
      OpenStdin: config.stdin,
      Env: config.env,
      Cmd: config.cmd,
      Entrypoint: config.entrypoint.length === 0 ? null : config.entrypoint,
      Image: details.image,
      WorkingDir: config.workdir,
      Labels: details.labels,
      StopSignal: config.stopSignal,
      StopTimeout: config.stopTimeoutS,
      ExposedPorts: exposedPorts(config.exposedPorts, details.hostConfig.publish),
    },
    NetworkSettings: networkSettings(details),
  };
}
