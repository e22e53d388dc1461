import { readFileSync } from 'node:fs';
import { errnoOf, MydockerError, writeAtomic } from '../base/index.ts';
import { rangeText } from '../network/index.ts';
import type { Plan, Step } from '../plan/index.ts';
import { encodeLaunch, startShim, stepError } from '../shim/index.ts';
import {
  containerDir,
  isOwnerAlive,
  type PortRecord,
  type RunState,
  runDir,
  type Wiring,
  writeWiring,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { launchPlan } from './launch-plan.ts';
import { liveSteps, type Wired } from './live-steps.ts';
import { rewriteHosts } from './name-files.ts';
import { networkSteps } from './network-steps.ts';
import { portInUse } from './ports.ts';
import { restoreRules } from './reload.ts';
import { holderOfPort } from './repair.ts';
import { lifeOf } from './status.ts';
import { connectMonitor } from './stop.ts';

/*
 * docs/adr/0029: a change while the container runs.
 *
 *   1  the plan file says: undo both what is there and what will be     the monitor reads it, holds new ports
 *   2  a shim carries out the change, in its turn at the run directory  all of it, or none
 *   3  network.json says what is there now
 *   4  the plan file says: undo what is there now                       the monitor reads it, lets old ports go
 *
 * Whatever is killed in between: the monitor undoes all of it at the end, and rewire-repair.ts, before that, makes
 * what is there agree with network.json again.
 */

/** It ended in the middle: what was begun has been taken back. */
export class EndedMeanwhile extends Error {}

/** Its process has ended, though its monitor may not be done yet. */
function hasEnded(core: Core, id: string): boolean {
  const { status, state } = lifeOf(core.paths, id);
  return status !== 'running' || state === undefined || !isOwnerAlive(`${state.pid}-${state.startTicks}`);
}

/** What is to be undone at the end; of `also` too. */
async function undoBytes(core: Core, wired: Wired, also?: Wired): Promise<Buffer> {
  const plan = await launchPlan(core, wired.record, 'undo', undefined, wired.wiring);
  const other = also === undefined ? undefined : await networkSteps(core, also.record, also.wiring);
  const { own = [], gone = [], host = [] } = other ?? {};
  const more = [...own, ...gone, ...host]
    .filter(({ undo }) => undo !== undefined)
    .map((step): Step => ({ ...step, where: 'host' }));
  // The first step owns the run directory: it is undone last.
  const [first, ...rest] = plan.steps;
  const whole: Plan = { steps: first === undefined ? more : [first, ...more, ...rest] };
  return encodeLaunch(whole, { detach: true, fault: undefined });
}

function otherVersion(name: string): MydockerError {
  return new MydockerError(
    'MONITOR_OLD',
    `cannot change the networks of ${name} while it runs: another version of mydocker started it`,
    { subject: name, remedy: `restart it with: mydocker restart ${name}`, exitCode: 1 },
  );
}

/** Puts a plan file in place and has the monitor read it. Throws EndedMeanwhile; what the monitor refuses as it came. */
async function renew(core: Core, { id, name }: { id: string; name: string }, bytes: Buffer): Promise<void> {
  try {
    writeAtomic(`${runDir(core.paths, id)}/plan`, bytes, { sync: false });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw new EndedMeanwhile();
    throw error;
  }
  const client = await connectMonitor(core, id, 0);
  if (client === undefined) throw new EndedMeanwhile();
  try {
    await client.renewPlan();
  } catch (error) {
    if (!(error instanceof MydockerError)) throw error;
    if (error.code === 'MONITOR_GONE' && hasEnded(core, id)) throw new EndedMeanwhile();
    if (error.code === 'MONITOR_GONE' || error.errno === 'ESTALE') throw otherVersion(name);
    throw error;
  } finally {
    client.close();
  }
}

/** Has the monitor undo at the end what this wiring says, and nothing else. Throws EndedMeanwhile. */
export async function settlePlan(core: Core, wired: Wired): Promise<void> {
  return renew(core, wired.record, await undoBytes(core, wired));
}

function newPorts(before: Wiring, after: Wiring): PortRecord[] {
  const old = new Set(before.ports.map(rangeText));
  return after.ports.filter((range) => !old.has(rangeText(range)));
}

/** The monitor could not hold a port: says which, and who has it. */
function blame(core: Core, id: string, before: Wiring, after: Wiring, error: unknown): unknown {
  if (!(error instanceof MydockerError)) return error;
  const ranges = newPorts(before, after);
  const [range] = ranges;
  if (range === undefined) return error;
  if (error.errno === 'EADDRINUSE') {
    const taken = ranges.find((one) => holderOfPort(core, id, one) !== undefined) ?? range;
    return portInUse(rangeText(taken), holderOfPort(core, id, taken) ?? 'another program');
  }
  if (error.errno !== 'EADDRNOTAVAIL') return error;
  return new MydockerError(
    'NO_SUCH_ADDRESS',
    `cannot publish ${rangeText(range)}: this host has no such address`,
    {
      subject: rangeText(range),
      remedy: 'publish on an address of the host, or on all',
    },
  );
}

async function carryOut(core: Core, what: string, plan: Plan, id: string, mayRestore = true): Promise<void> {
  const bytes = encodeLaunch(plan, { detach: false, fault: core.fault });
  const { failure } = await startShim({ root: core.root, mode: 'run', title: 'rewire', plan: bytes }).done;
  if (failure === undefined) return;
  // In the middle of its end a process has no namespaces any more, but is there.
  const step = plan.steps[failure.index ?? 0]?.op;
  const isDying = step === 'open-namespace' && (failure.errno === 'ENOENT' || failure.errno === 'ESRCH');
  if (isDying || hasEnded(core, id)) throw new EndedMeanwhile();
  const error = stepError(what, plan, failure);
  if (error.code !== 'RULES_MISSING' || !mayRestore) throw error;
  await restoreRules(core);
  await carryOut(core, what, plan, id, false);
}

/**
 * Changes the networks, ports or names of a running container; `before` and `after` are whole. The addresses and port
 * claims of `after` are taken already; the caller gives those back that nobody has in the end. A failure leaves
 * everything as it was. Throws EndedMeanwhile, PORT_IN_USE, NO_SUCH_ADDRESS, MONITOR_OLD.
 */
export async function rewire(
  core: Core,
  state: RunState,
  what: string,
  before: Wired,
  after: Wired,
): Promise<void> {
  const { id } = after.record;
  const directory = containerDir(core.paths, id);
  const planFile = `${runDir(core.paths, id)}/plan`;
  const old = readFileSync(planFile);
  const back = async (error: unknown): Promise<never> => {
    if (error instanceof EndedMeanwhile) throw error;
    await renew(core, before.record, old);
    throw error;
  };
  const both = await undoBytes(core, after, before);
  await renew(core, after.record, both)
    .catch((error: unknown) => Promise.reject(blame(core, id, before.wiring, after.wiring, error)))
    .catch(async (error: unknown) => {
      // The monitor goes on with what it has; the file must say the same.
      if (!(error instanceof EndedMeanwhile)) writeAtomic(planFile, old, { sync: false });
      throw error;
    });
  const leaves = before.wiring.endpoints.length > after.wiring.endpoints.length;
  // Who is interrupted while leaving has left.
  if (leaves) writeWiring(directory, after.wiring);
  const plan = { steps: liveSteps(core, state, before, after) };
  await carryOut(core, what, plan, id).catch((error: unknown) => {
    if (leaves) writeWiring(directory, before.wiring);
    return back(error);
  });
  if (!leaves) writeWiring(directory, after.wiring);
  rewriteHosts(core.paths, after.record, after.wiring);
  await settlePlan(core, after).catch((error: unknown) => {
    if (!(error instanceof EndedMeanwhile)) throw error;
  });
}
