import { MydockerError } from '../base/index.ts';
import {
  type ContainerRecord,
  claim,
  claimText,
  containerDir,
  isOwnerAlive,
  ownMark,
  type PortRecord,
  readWiring,
  release,
  removeDeadClaim,
  rewiringFile,
  type Wiring,
  writeWiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { withHold } from './hold.ts';
import { markInternal } from './internal-mark.ts';
import { isWired, sharedNetwork, unplug } from './joined.ts';
import { placesOnlyIn } from './live-steps.ts';
import { rewriteHosts } from './name-files.ts';
import { releasePorts } from './ports.ts';
import { whileUpdating } from './record-lock.ts';
import { EndedMeanwhile, rewire } from './rewire.ts';
import { BUSY_MS, refuseBroken, requireRecord, settledLife, waitTurn } from './status.ts';
import { isInternal } from './wiring.ts';

/** What a change starts from. */
export interface Before {
  record: ContainerRecord;
  wiring: Wiring;
  isRunning: boolean;
}

/** Makes the new wiring: takes addresses and ports; when it throws, it has taken none. */
export type Change = (before: Before) => Wiring | Promise<Wiring>;

/** Gives back what the one has and the other has not. */
function giveBack(core: Core, id: string, one: Wiring, other: Wiring): void {
  for (const endpoint of placesOnlyIn(one, other)) unplug(core, id, endpoint);
  const isKept = ({ protocol, hostIp }: PortRecord, port: number): boolean =>
    other.ports.some(
      (range) =>
        range.protocol === protocol &&
        range.hostIp === hostIp &&
        port >= range.hostPort &&
        port < range.hostPort + range.count,
    );
  for (const range of one.ports)
    for (let port = range.hostPort; port < range.hostPort + range.count; port++)
      if (!isKept(range, port)) releasePorts(core, id, { ...range, hostPort: port, count: 1 });
}

/** Throws BAD_INPUT (exit code 1) for a container that has no networks to change. */
function wiringOf(core: Core, record: ContainerRecord, what: string): Wiring {
  const wiring = readWiring(core.paths, record.id);
  if (wiring !== undefined && isWired(record.network)) return wiring;
  const shared = sharedNetwork(record);
  const why =
    shared === undefined
      ? `it was made with --network ${record.network}`
      : 'it has the network of another container';
  throw new MydockerError('BAD_INPUT', `cannot ${what}: ${why}`, {
    subject: record.name,
    remedy: 'make it anew in a network: mydocker run --network NAME …',
    exitCode: 1,
  });
}

/** One that does not run: nobody starts it meanwhile. */
async function changeStopped(core: Core, before: Before, change: Change): Promise<boolean> {
  const { record, wiring } = before;
  return withHold(core, record.id, async () => {
    const after = await change(before);
    try {
      writeWiring(containerDir(core.paths, record.id), after);
    } catch (error) {
      giveBack(core, record.id, after, wiring);
      throw error;
    }
    rewriteHosts(core.paths, record, after);
    giveBack(core, record.id, wiring, after);
  });
}

async function attempt(core: Core, id: string, what: string, change: Change): Promise<boolean> {
  const life = await settledLife(core.paths, id);
  const record = requireRecord(core.paths, id);
  refuseBroken(life, record.name, what);
  if (life.dead) await (await import('./bury.ts')).buryWhole(core, id, record.name);
  const wiring = wiringOf(core, record, what);
  const { state } = life;
  const before = { record, wiring, isRunning: state !== undefined };
  if (state === undefined) return changeStopped(core, before, change);
  const after = await change(before);
  try {
    await rewire(core, state, `cannot ${what}`, { record, wiring }, { record, wiring: after });
  } catch (error) {
    // What is on the disk may be the new one already, when it ended while it left a network.
    const now = readWiring(core.paths, id) ?? wiring;
    giveBack(core, id, after, now);
    giveBack(core, id, wiring, now);
    if (error instanceof EndedMeanwhile) return false;
    throw error;
  }
  giveBack(core, id, wiring, after);
  markInternal(core.paths, id, isInternal(core, after));
  return true;
}

/** Marks the container as being changed; what somebody left who was killed in the middle is put right first. */
async function marked<T>(core: Core, id: string, act: () => Promise<T>): Promise<T> {
  const mark = rewiringFile(core.paths, id);
  const left = claimText(mark);
  if (left !== undefined) {
    if (!isOwnerAlive(left)) await (await import('./rewire-repair.ts')).putRight(core, id);
    removeDeadClaim(mark, left);
  }
  claim(mark, ownMark());
  try {
    return await act();
  } finally {
    release(mark, ownMark());
  }
}

/**
 * Changes where a container is plugged in or what it publishes, running or not; for a running one at once. `what`:
 * "connect web to front". A failure leaves everything as it was. Throws BUSY, BROKEN_STATE, BAD_INPUT and what the
 * change throws.
 */
export async function changeWiring(core: Core, id: string, what: string, change: Change): Promise<void> {
  await whileUpdating(core, id, () =>
    marked(core, id, async () => {
      for (const deadlineMs = Date.now() + BUSY_MS; ; await waitTurn(deadlineMs, id))
        if (await attempt(core, id, what, change)) return;
    }),
  );
}

/** For a sweep: puts right what an interrupted command left. */
export async function sweepRewiring(core: Core, id: string): Promise<void> {
  const left = claimText(rewiringFile(core.paths, id));
  if (left === undefined || isOwnerAlive(left)) return;
  await whileUpdating(core, id, () => marked(core, id, async () => {}));
}
