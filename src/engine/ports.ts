import { MydockerError, randomBelow } from '../base/index.ts';
import { rangeText } from '../network/index.ts';
import {
  type ContainerRecord,
  claim,
  claimText,
  containerDir,
  createNetworkState,
  isOwnerAlive,
  ownMark,
  type PortRecord,
  type PublishRecord,
  portFile,
  portTurn,
  readRecord,
  readWiring,
  release,
  removeDeadClaim,
  type Wiring,
  writeWiring,
} from '../storage/index.ts';
import { ChangedMeanwhile, plugsVersion } from './changed.ts';
import type { Core } from './core.ts';
import { withHold } from './hold.ts';
import { readSetting } from './network-up.ts';
import { whileUpdating } from './record-lock.ts';
import { isBroken, lifeOf } from './status.ts';

const TRIES = 100;

/** Names the container that has a port, for a message. */
export function portHolderName(core: Core, id: string): string {
  const record = readRecord(core.paths, id);
  return record === undefined || isBroken(record) ? id.slice(0, 12) : record.name;
}

/** True when the container of this id no longer needs its ports: it does not run and nobody starts or clears it. */
export async function isOver(core: Core, id: string): Promise<boolean> {
  const taker = claimText(portTurn(core.paths, id));
  if (taker !== undefined && isOwnerAlive(taker)) return false;
  const life = lifeOf(core.paths, id);
  // Its plan may still take elements of our maps away: first that, then the port is free.
  if (life.dead) await (await import('./bury.ts')).bury(core, id);
  const now = lifeOf(core.paths, id);
  return now.state === undefined && now.starting !== true && !now.dead;
}

async function claimPort(
  core: Core,
  id: string,
  protocol: string,
  ip: string,
  port: number,
): Promise<string | undefined> {
  const file = portFile(core.paths, protocol, ip, port);
  for (let tries = 0; tries < 3; tries++) {
    if (claim(file, id)) return undefined;
    const holder = claimText(file);
    if (holder === id) return undefined;
    if (holder === undefined) continue;
    if (!(await isOver(core, holder))) return holder;
    removeDeadClaim(file, holder);
  }
  return claimText(file) ?? '';
}

/** Gives the ports of a range back that this container has. */
export function releasePorts(core: Core, id: string, range: PortRecord): void {
  for (let i = 0; i < range.count; i++)
    release(portFile(core.paths, range.protocol, range.hostIp, range.hostPort + i), id);
}

/** All ports of a range, or none. Returns the id of the container that has one of them. */
async function claimRange(core: Core, id: string, range: PortRecord): Promise<string | undefined> {
  for (let i = 0; i < range.count; i++) {
    const holder = await claimPort(core, id, range.protocol, range.hostIp, range.hostPort + i);
    if (holder === undefined) continue;
    releasePorts(core, id, { ...range, count: i });
    return holder;
  }
  return undefined;
}

export function portInUse(text: string, by: string): MydockerError {
  return new MydockerError('PORT_IN_USE', `the port ${text} of the host is taken by ${by}`, {
    subject: text,
    remedy: 'stop that first, or give another host port with -p',
  });
}

/** Where the kernel chooses ports by itself: ip(7), ip_local_port_range. */
function localPorts(): readonly [first: number, count: number] {
  const [first = 32_768, last = 60_999] = (readSetting('/proc/sys/net/ipv4/ip_local_port_range') ?? '')
    .split(/\s+/)
    .map(Number);
  return [first || 32_768, (last || 60_999) - (first || 32_768) + 1];
}

async function claimAny(
  core: Core,
  id: string,
  publish: PublishRecord,
  last: PortRecord | undefined,
): Promise<PortRecord> {
  const [first, count] = localPorts();
  for (let tries = 0; tries < TRIES; tries++) {
    const hostPort =
      tries === 0 && last !== undefined
        ? last.hostPort
        : first + randomBelow(Math.max(count - publish.count + 1, 1));
    const range = { ...publish, hostPort };
    if ((await claimRange(core, id, range)) === undefined) return range;
  }
  throw new MydockerError('PORT_IN_USE', `no free port of the host was found from ${first} on`, {
    remedy: 'give a host port with -p',
  });
}

/** The same ports of the container, on the same addresses of the host. */
export function isSame(a: PublishRecord | PortRecord, b: PortRecord): boolean {
  return (
    a.protocol === b.protocol &&
    a.hostIp === b.hostIp &&
    a.containerPort === b.containerPort &&
    a.count === b.count
  );
}

/** Ports for one `-p`. Throws PORT_IN_USE; nothing is taken then. */
export async function takeRange(
  core: Core,
  id: string,
  publish: PublishRecord,
  last: PortRecord | undefined,
): Promise<PortRecord> {
  const { hostPort } = publish;
  if (hostPort === undefined) return claimAny(core, id, publish, last);
  const range = { ...publish, hostPort };
  const holder = await claimRange(core, id, range);
  if (holder === undefined) return range;
  throw portInUse(rangeText(range), `the container ${portHolderName(core, holder)}`);
}

/** Until endTurn() others see that this container's ports are no left-overs of a run that is over. */
function beginTurn(core: Core, id: string): void {
  const turn = portTurn(core.paths, id);
  if (claim(turn, ownMark())) return;
  const other = claimText(turn);
  if (other === undefined || isOwnerAlive(other)) return;
  removeDeadClaim(turn, other);
  claim(turn, ownMark());
}

/** The start is on its way, or has failed. */
export function endTurn(core: Core, id: string): void {
  release(portTurn(core.paths, id), ownMark());
}

/**
 * Before a start: takes all ports the container publishes, and writes them down. `avoid`: not that one again. Of several
 * starts of one container the first chooses. The caller ends the turn. Throws PORT_IN_USE, ChangedMeanwhile, BUSY;
 * nothing is taken then.
 */
export function takePorts(
  core: Core,
  record: ContainerRecord,
  avoid?: PortRecord,
): Promise<readonly PortRecord[]> {
  createNetworkState(core.paths);
  // One of --rm goes with its failed start: it is made anew (rerun() of start.ts).
  if (readWiring(core.paths, record.id) === undefined) return Promise.resolve([]);
  return whileUpdating(core, record.id, () => takeInTurn(core, record, avoid)).catch((error: unknown) => {
    if (error instanceof MydockerError && error.code === 'NO_SUCH_CONTAINER') return [];
    throw error;
  });
}

async function takeInTurn(
  core: Core,
  record: ContainerRecord,
  avoid: PortRecord | undefined,
): Promise<readonly PortRecord[]> {
  const version = plugsVersion(core, record.id);
  const wiring = readWiring(core.paths, record.id);
  if (wiring === undefined) return [];
  beginTurn(core, record.id);
  const ports: PortRecord[] = [];
  try {
    // Each for one: the same port of the container may be published more than once.
    const unused = new Set(wiring.ports);
    for (const publish of wiring.publish) {
      const last = [...unused].find((range) => isSame(publish, range) && range !== avoid);
      if (last !== undefined) unused.delete(last);
      const usable =
        avoid !== undefined && last !== undefined && last.hostPort === avoid.hostPort ? undefined : last;
      ports.push(await takeRange(core, record.id, publish, usable));
    }
    if (version !== plugsVersion(core, record.id)) throw new ChangedMeanwhile(record.name);
    const next: Wiring = { ...wiring, ports };
    if (JSON.stringify(next) !== JSON.stringify(wiring))
      writeWiring(containerDir(core.paths, record.id), next);
    return ports;
  } catch (error) {
    for (const range of ports) releasePorts(core, record.id, range);
    throw error;
  }
}

/**
 * After a failed start: gives its ports back, unless somebody else starts it just now. Its plan may not have come so
 * far. `taken`: by this start; a change of its networks may have written over that.
 */
export async function dropPorts(core: Core, id: string, taken: readonly PortRecord[]): Promise<void> {
  const written = new Set((readWiring(core.paths, id)?.ports ?? []).map((range) => JSON.stringify(range)));
  for (const range of taken) if (!written.has(JSON.stringify(range))) releasePorts(core, id, range);
  await withHold(core, id, async () => {
    for (const range of readWiring(core.paths, id)?.ports ?? []) releasePorts(core, id, range);
  });
}
