import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { planNetworkDown } from '../network/index.ts';
import { runActions } from '../shim/index.ts';
import {
  claimText,
  isAbandoned,
  mayHoldName,
  type NetworkRecord,
  networkDir,
  networkNames,
  readNetwork,
  readNetworkIn,
  stagingName,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { DEFAULT_NETWORK } from './joined.ts';
import { inTurn } from './network-create.ts';
import { networkNameOf, noSuchNetwork, PREDEFINED } from './network-find.ts';
import { hasLink, tableOf } from './network-up.ts';
import { nameOfUser, usersOf } from './network-users.ts';

function inUse(core: Core, name: string, users: readonly string[]): MydockerError {
  const shown = users.slice(0, 5).map((id) => nameOfUser(core, id));
  const more = users.length > shown.length ? ` and ${users.length - shown.length} more` : '';
  return new MydockerError(
    'NETWORK_IN_USE',
    `cannot remove the network ${name}: in it ${users.length === 1 ? 'is' : 'are'} ${shown.join(', ')}${more}`,
    {
      subject: name,
      remedy: `remove the containers, or take them out, as with: mydocker network disconnect -f ${name} ${shown[0]?.split(' ')[0] ?? ''}`,
      exitCode: 1,
    },
  );
}

/** Its bridge and what the rules know of it; nothing where no bridge of that name is. */
async function takeDown(core: Core, record: NetworkRecord): Promise<void> {
  if (!hasLink(record.bridge)) return;
  const actions = planNetworkDown(tableOf(core).table, record);
  await runActions(core.root, `cannot remove the network ${record.name}`, actions, core.fault);
}

/**
 * Out of sight by one rename, so that nobody gets an address in it any more; back again if somebody did just before, or
 * its bridge cannot be removed.
 */
async function removeInTurn(core: Core, name: string): Promise<void> {
  const record = readNetwork(core.paths, name);
  const place = networkDir(core.paths, name);
  const users = usersOf(core, name);
  if (users.length > 0) throw inUse(core, name, users);
  const doomed = `${core.root}/networks/${stagingName()}`;
  try {
    renameSync(place, doomed);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw noSuchNetwork(name);
    throw error;
  }
  try {
    if (existsSync(`${doomed}/leases`) && readdirSync(`${doomed}/leases`).some((ip) => !ip.startsWith('.')))
      throw inUse(core, name, []);
    if (record !== undefined) await takeDown(core, record);
  } catch (error) {
    renameSync(doomed, place);
    const now = usersOf(core, name);
    throw now.length > 0 ? inUse(core, name, now) : error;
  }
  rmSync(doomed, { recursive: true, force: true });
}

/** Removes a network, its bridge too. Throws NO_SUCH_NETWORK, NETWORK_IN_USE; for predefined ones BAD_INPUT. */
export async function removeNetwork(core: Core, ref: string): Promise<{ id: string; name: string }> {
  const isDefault = ref === DEFAULT_NETWORK;
  const name = isDefault ? ref : networkNameOf(core.paths, ref);
  const record = readNetwork(core.paths, name);
  // Only one whose record is damaged: the next container makes it anew.
  const isSound = record !== undefined || !networkNames(core.paths).includes(name);
  if ((name === DEFAULT_NETWORK && isSound) || PREDEFINED.some((one) => one.name === name)) {
    throw new MydockerError('BAD_INPUT', `cannot remove the network ${name}: it is predefined`, {
      subject: name,
      exitCode: 1,
    });
  }
  await inTurn(core, () => removeInTurn(core, name));
  return { id: record?.id ?? name, name };
}

/** True where a container that is there has an address in it. Of a network in a directory that is out of sight. */
function isHeld(core: Core, directory: string): boolean {
  const leases = `${directory}/leases`;
  return (existsSync(leases) ? readdirSync(leases) : []).some((ip) => {
    const id = ip.startsWith('.') ? undefined : claimText(`${leases}/${ip}`);
    return id !== undefined && mayHoldName(core.paths, id);
  });
}

/** Somebody got an address in it just before it went out of sight, and whoever removed it was killed: there again. */
function putBack(core: Core, directory: string, record: NetworkRecord): boolean {
  if (!isHeld(core, directory)) return false;
  try {
    renameSync(directory, networkDir(core.paths, record.name));
    return true;
  } catch (error) {
    // Another of that name by now.
    if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function sweepNetwork(core: Core, directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  const record = readNetworkIn(directory);
  if (record !== undefined) {
    if (putBack(core, directory, record)) return;
    await takeDown(core, record);
  }
  rmSync(directory, { recursive: true, force: true });
}

/** What somebody left who was killed while making or removing a network. */
export async function sweepNetworks(core: Core): Promise<void> {
  const parent = `${core.root}/networks`;
  for (const entry of existsSync(parent) ? readdirSync(parent) : [])
    if (isAbandoned(entry)) await inTurn(core, () => sweepNetwork(core, `${parent}/${entry}`));
}
