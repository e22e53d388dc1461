import { readdirSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import {
  type Broken,
  type ContainerRecord,
  containerDir,
  idOfName,
  listIds,
  readRecord,
  readWiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { endpointsOf, ipOf, portsText, publishedPorts } from './describe-network.ts';
import { isWired } from './joined.ts';
import type { ContainerMount } from './mount-types.ts';
import { namesDirOf } from './name-files.ts';
import { isBroken, type Life, lifeOf } from './status.ts';
import type { ContainerDetails, ContainerSummary } from './types.ts';

/** A damaged record still has a name on disk. */
function nameOfBroken(core: Core, id: string): string {
  try {
    const names = readdirSync(`${core.root}/names`);
    return names.find((name) => idOfName(core.paths, name) === id) ?? '';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '';
    throw error;
  }
}

function brokenSummary(core: Core, id: string, record: Broken): ContainerSummary {
  return {
    id,
    name: nameOfBroken(core, id),
    status: 'broken',
    ip: '',
    command: [],
    createdAtMs: 0,
    image: '',
    imageId: '',
    ports: '',
    labels: {},
    networks: [],
    mounts: [],
    note: record.broken,
  };
}

/** The time as a field; none when a damaged file holds no time. */
function at<N extends string>(field: N, time: string): { [K in N]?: number } {
  const ms = Date.parse(time);
  return (Number.isNaN(ms) ? {} : { [field]: ms }) as { [K in N]?: number };
}

function mountedFrom(mount: ContainerMount): Array<{ source: string; target: string }> {
  const { target } = mount;
  switch (mount.type) {
    case 'volume':
      return [{ source: mount.name, target }];
    case 'bind':
      return [{ source: mount.source, target }];
    case 'image':
      return [{ source: mount.image, target }];
    default:
      return [];
  }
}

function summaryOf(
  core: Core,
  record: ContainerRecord,
  life: Life,
  wiring = readWiring(core.paths, record.id),
): ContainerSummary {
  const { state, exit } = life;
  const note = life.broken ?? exit?.note ?? (exit?.oomKilled ? 'out of memory' : undefined);
  return {
    id: record.id,
    name: record.name,
    status: state?.status === 'paused' ? 'paused' : life.status,
    ...(state === undefined ? {} : { pid: state.pid, ...at('startedAtMs', state.startedAt) }),
    ...(exit === undefined ? {} : { exitCode: exit.exitCode, ...at('finishedAtMs', exit.finishedAt) }),
    ip: ipOf(wiring),
    command: [...record.entrypoint, ...record.cmd],
    createdAtMs: record.createdAtMs,
    image: record.image,
    imageId: record.imageId,
    ports: state === undefined || wiring === undefined ? '' : portsText(wiring.ports),
    labels: record.labels,
    networks: isWired(record.network)
      ? (wiring?.endpoints ?? []).map((one) => one.network)
      : [record.network],
    mounts: record.mounts.flatMap(mountedFrom),
    ...(note === undefined ? {} : { note }),
  };
}

/** Every container, newest first. One that goes while we look is left out. */
export function listContainers(core: Core): ContainerSummary[] {
  const list: ContainerSummary[] = [];
  for (const id of listIds(core.paths)) {
    const record = readRecord(core.paths, id);
    if (record === undefined) continue;
    list.push(
      isBroken(record) ? brokenSummary(core, id, record) : summaryOf(core, record, lifeOf(core.paths, id)),
    );
  }
  return list.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1));
}

function seccompName(seccomp: string | undefined): 'default' | 'unconfined' | 'custom' {
  if (seccomp === undefined) return 'default';
  return seccomp === 'unconfined' ? 'unconfined' : 'custom';
}

/** Everything recorded about one container. */
export function describeContainer(core: Core, record: ContainerRecord): ContainerDetails {
  const life = lifeOf(core.paths, record.id);
  const [path = '', ...args] = [...record.entrypoint, ...record.cmd];
  const directory = containerDir(core.paths, record.id);
  const wiring = readWiring(core.paths, record.id);
  return {
    ...summaryOf(core, record, life, wiring),
    path,
    args,
    config: {
      env: record.env,
      workdir: record.workdir,
      user: record.user,
      tty: record.tty,
      stdin: record.stdin,
      hostname: record.hostname,
      entrypoint: record.entrypoint,
      cmd: record.cmd,
      stopSignal: record.stopSignal,
      stopTimeoutS: record.stopTimeoutS,
      exposedPorts: record.networking?.exposed ?? [],
    },
    hostConfig: {
      mounts: record.mounts,
      resources: record.resources,
      isolation: record.isolation ?? {},
      readOnly: record.readOnly,
      init: record.init,
      autoRemove: record.autoRemove,
      network: record.network,
      publish: wiring?.publish ?? [],
      publishAll: record.networking?.publishAll ?? false,
      ...(record.dns === undefined ? {} : { dns: record.dns }),
      ...(record.dnsSearch === undefined ? {} : { dnsSearch: record.dnsSearch }),
      ...(record.dnsOptions === undefined ? {} : { dnsOptions: record.dnsOptions }),
      extraHosts: record.networking?.extraHosts ?? [],
      ...(record.egress === undefined ? {} : { egress: record.egress }),
      capAdd: record.capAdd ?? [],
      capDrop: record.capDrop ?? [],
      seccomp: seccompName(record.seccomp),
      noNewPrivileges: record.noNewPrivileges ?? false,
    },
    endpoints: endpointsOf(core, record.id),
    published: life.state === undefined ? [] : publishedPorts(wiring?.ports ?? []),
    oomKilled: life.exit?.oomKilled ?? false,
    rootDir: directory,
    namesDir: namesDirOf(core.paths, record),
    logPath: `${directory}/log.json`,
  };
}
