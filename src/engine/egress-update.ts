import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { badInput, errnoOf, MydockerError } from '../base/index.ts';
import { type EgressWish, egressFile, loadEgress } from '../network/index.ts';
import { type ContainerRecord, containerDir, type RunState, runDir, writeRecord } from '../storage/index.ts';
import type { Core } from './core.ts';
import { askNetwork } from './denied.ts';
import { egressOf, withoutRawSockets } from './egress.ts';
import type { EgressChange } from './egress-types.ts';
import { recordContainerEvent } from './events-file.ts';
import { withHold } from './hold.ts';
import { whileUpdating } from './record-lock.ts';
import { BUSY_MS, lifeOf, refuseBroken, requireRecord, settledLife, waitTurn } from './status.ts';

function refuse(why: string, remedy: string): never {
  throw badInput(`--egress: ${why}`, { subject: '--egress', remedy });
}

/** The list that a change leads to. Throws BAD_INPUT. */
function changed(record: ContainerRecord, change: EgressChange): EgressWish {
  if ('egress' in change) return change.egress;
  const { egressAdd = [], egressRemove = [] } = change;
  const { egress, name } = record;
  if (egress === undefined || egress === 'any')
    refuse(`${name} has no list that could be added to or taken from`, 'give it one with --egress allow=…');
  const unknown = egressRemove.find((entry) => !egress.includes(entry));
  if (unknown !== undefined)
    refuse(
      `"${unknown}" is not in the list of ${name}: ${egress.join(', ') || 'none'}`,
      'give an entry of the list',
    );
  return [...new Set([...egress, ...egressAdd])].filter((entry) => !egressRemove.includes(entry));
}

/** As if it had been made so. Throws BAD_INPUT. */
async function recordWith(core: Core, record: ContainerRecord, wish: EgressWish): Promise<ContainerRecord> {
  const { network, isolation, capAdd } = record;
  const { egress = [] } = await egressOf(core, {
    network,
    ...(isolation?.privileged === true ? { privileged: true } : {}),
    ...(isolation?.pid === 'host' ? { pid: 'host' as const } : {}),
    ...(capAdd === undefined ? {} : { capAdd }),
    egress: wish,
  });
  return { ...record, ...withoutRawSockets(record), egress };
}

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

async function changeRunning(
  core: Core,
  record: ContainerRecord,
  state: RunState,
  change: EgressChange,
): Promise<void> {
  const { id, name } = record;
  if (record.egress === undefined)
    refuse(
      `${name} was started without a list, and its programs can get past one`,
      `stop it, give it a list, and start it: mydocker stop ${name}`,
    );
  const next = await recordWith(core, record, changed(record, change));
  const path = egressFile(runDir(core.paths, id));
  const before = readFileSync(path, 'utf8');
  const other = (await loadEgress()).planOtherList(before, next.egress ?? []);
  const directory = containerDir(core.paths, id);
  const what = `cannot change what ${name} may reach`;
  writeRecord(directory, next, true);
  try {
    // The file first: what is asked for from now on counts by the new list, and opens nothing under the old one.
    replaceFile(path, other.text);
    const printed = await askNetwork(core, what, state, other.known);
    await askNetwork(core, what, state, [other.change(printed)]);
  } catch (error) {
    writeRecord(directory, record, true);
    try {
      replaceFile(path, before);
    } catch (second) {
      // It has ended meanwhile, and with it the directory went.
      if (errnoOf(second) !== 'ENOENT') throw second;
    }
    throw error;
  }
}

/** One attempt; false when the container came to life, or ended, in the middle of it. */
async function attempt(core: Core, id: string, change: EgressChange): Promise<boolean> {
  const life = await settledLife(core.paths, id);
  const record = requireRecord(core.paths, id);
  refuseBroken(life, record.name, 'update');
  if (life.dead) await (await import('./bury.ts')).buryWhole(core, id, record.name);
  if (life.status !== 'running' || life.state === undefined) {
    const next = await recordWith(core, record, changed(record, change));
    return withHold(core, id, async () => writeRecord(containerDir(core.paths, id), next, true));
  }
  try {
    await changeRunning(core, record, life.state, change);
    return true;
  } catch (error) {
    // It ended, and its network went with it.
    if (error instanceof MydockerError && error.code === 'BAD_INPUT') throw error;
    if (lifeOf(core.paths, id).status !== 'running') return false;
    throw error;
  }
}

/**
 * Changes what a container may reach, at once where it runs, and from its next start on. Connections that the new list
 * does not allow are cut off. Throws BAD_INPUT, BUSY.
 */
export async function changeEgress(core: Core, id: string, change: EgressChange): Promise<void> {
  await whileUpdating(core, id, async () => {
    for (const deadlineMs = Date.now() + BUSY_MS; ; await waitTurn(deadlineMs, id))
      if (await attempt(core, id, change)) return;
  });
  recordContainerEvent(core.paths, requireRecord(core.paths, id), 'update');
}
