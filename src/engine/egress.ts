import { badInput, MydockerError } from '../base/index.ts';
import { loadEgress } from '../network/index.ts';
import type { Step } from '../plan/index.ts';
import { DEFAULT_CAPABILITIES } from '../runtime/index.ts';
import {
  type ContainerRecord,
  containerDir,
  findContainer,
  type Paths,
  readRecord,
  runDir,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { joinsOf } from './join.ts';
import { CONTAINER, sharedNetwork } from './joined.ts';
import type { SecurityRecord } from './security.ts';
import { isBroken, requireRecord } from './status.ts';
import type { ContainerSpec } from './types.ts';

/** What is recorded of what a container may reach. */
export type EgressRecord = Pick<ContainerRecord, 'egress'>;

const RAW = 'CAP_NET_RAW';

/** Whoever has one of these takes the filter away or gets past it. */
const PAST_A_FILTER = [
  ...['CAP_NET_ADMIN', RAW, 'CAP_SYS_ADMIN', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO', 'CAP_SYS_PTRACE'],
  ...['CAP_BPF', 'CAP_PERFMON'],
];

function refuse(why: string, remedy: string): never {
  throw badInput(`--egress: ${why}`, { subject: '--egress', remedy });
}

/** Whether such a container could take a filter away, or get past it; what of it can, in words. */
function wayPast(spec: ContainerSpec): { with: string; why: string } | undefined {
  if (spec.privileged === true)
    return { with: '--privileged', why: 'a privileged container can take the filter away' };
  if (spec.pid === 'host') return { with: '--pid host', why: 'it reaches processes that are not limited' };
  const names = (spec.capAdd ?? []).map((text) => text.toUpperCase().replace(/^(?!CAP_|ALL$)/, 'CAP_'));
  const bad = names.find((name) => name === 'ALL' || PAST_A_FILTER.includes(name));
  if (bad === undefined) return undefined;
  return { with: `--cap-add ${bad}`, why: 'it could take the filter away or go past it' };
}

function refuseWaysPast(core: Core, spec: ContainerSpec): void {
  const [{ name = '' } = {}] = joinsOf(core, spec);
  if (name === 'host')
    refuse(
      'with --network host it has no network of its own that could be filtered',
      'leave one of them out',
    );
  if (name.startsWith(CONTAINER)) {
    const other = name.slice(CONTAINER.length);
    refuse(`its network is that of ${other}, and so is what it may reach`, `give --egress to ${other}`);
  }
  const past = wayPast(spec);
  if (past !== undefined) refuse(`with ${past.with}, ${past.why}`, 'leave one of them out');
}

/** The container whose network such a one shares, if that has a list. */
function limitedNeighbour(core: Core, spec: ContainerSpec): ContainerRecord | undefined {
  const [{ name = '' } = {}] = joinsOf(core, spec);
  if (!name.startsWith(CONTAINER)) return undefined;
  const other = requireRecord(core.paths, findContainer(core.paths, name.slice(CONTAINER.length)));
  return other.egress === undefined ? undefined : other;
}

/** The list of a spec, checked. Throws BAD_INPUT. */
export async function egressOf(core: Core, spec: ContainerSpec): Promise<EgressRecord> {
  const { egress } = spec;
  if (egress === undefined) return {};
  refuseWaysPast(core, spec);
  (await loadEgress()).checkEgress(egress);
  return { egress: egress === 'any' ? egress : [...egress] };
}

/** What a list, its own or that of the container whose network it shares, makes of a spec. Throws BAD_INPUT. */
export async function limit(
  core: Core,
  spec: ContainerSpec,
  security: SecurityRecord,
): Promise<SecurityRecord & EgressRecord> {
  const neighbour = limitedNeighbour(core, spec);
  if (neighbour === undefined && spec.egress === undefined) return security;
  const past = neighbour === undefined ? undefined : wayPast(spec);
  if (past !== undefined)
    throw badInput(
      `${past.with}: the network it shares is limited by the list of ${neighbour?.name}, and ${past.why}`,
      {
        subject: past.with,
        remedy: 'leave one of them out',
      },
    );
  return { ...withoutRawSockets(security), ...(await egressOf(core, spec)) };
}

/** Before a start: the neighbour may have got its list since this one was made. Throws EGRESS_PAST. */
export function checkNeighbour(core: Core, record: ContainerRecord): void {
  const id = sharedNetwork(record);
  const neighbour = id === undefined ? undefined : readRecord(core.paths, id);
  // That it is no more, or broken, is said by who shares its namespace.
  if (neighbour === undefined || isBroken(neighbour) || neighbour.egress === undefined) return;
  const have = record.capabilities ?? DEFAULT_CAPABILITIES;
  const bad = have.find((name) => PAST_A_FILTER.includes(name));
  if (bad === undefined) return;
  throw new MydockerError(
    'EGRESS_PAST',
    `cannot start ${record.name}: the network it shares is limited by the list of ${neighbour.name}, and with ${bad} it could get past that`,
    { subject: bad, remedy: `make ${record.name} anew: it is made without raw sockets then`, exitCode: 1 },
  );
}

/** packet(7): a raw socket sends past the filter, so a limited container has none. */
export function withoutRawSockets(security: SecurityRecord): SecurityRecord {
  const have = security.capabilities ?? DEFAULT_CAPABILITIES;
  return { ...security, capabilities: have.filter((name) => name !== RAW) };
}

/** What a launch does beside its other steps. */
export interface Services {
  host: readonly Step[];
  init: readonly Step[];
}

/** Steps that limit what the container reaches; none where nothing was asked for. */
export async function egressSteps(paths: Paths, record: ContainerRecord): Promise<Services | undefined> {
  if (record.egress === undefined) return undefined;
  return (await loadEgress()).planEgress(
    runDir(paths, record.id),
    containerDir(paths, record.id),
    record.egress,
  );
}
