import { closeSync, readFileSync, statSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/index.ts';
import { deniedFiles, loadEgress } from '../network/index.ts';
import { type Action, encodePlan, type Plan, type StepNotes, steps } from '../plan/index.ts';
import { enterNetwork } from '../runtime/index.ts';
import { openSmall, readWhole, startShim, stepError } from '../shim/index.ts';
import { type ContainerRecord, containerDir, type RunState } from '../storage/index.ts';
import type { Core } from './core.ts';
import type { DeniedAccess } from './egress-types.ts';
import { lifeOf } from './status.ts';

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** What steps of a plan print, in the network namespace of a container. */
export async function askNetwork(
  core: Core,
  what: string,
  state: RunState,
  asked: ReadonlyArray<Action & StepNotes>,
): Promise<Buffer> {
  const plan: Plan = { steps: [...enterNetwork(state.pid, state.startTicks), ...steps('host', ...asked)] };
  const out = openSmall(`${core.root}/bin`);
  try {
    const bytes = encodePlan(plan, { fault: core.fault });
    const shim = startShim({ root: core.root, mode: 'run', title: 'network', plan: bytes, stdout: out });
    const { failure } = await shim.done;
    if (failure !== undefined) throw stepError(what, plan, failure);
    return readWhole(out);
  } finally {
    closeSync(out);
  }
}

/*
 * Names that were refused, as the monitor writes them (native/denied.c): 256 places of
 *   u64 count | u64 Unix milliseconds | the name, 256 bytes, NUL behind it      in the byte order of the machine
 */
const NAME_BYTES = 256;
const RECORD_BYTES = 16 + NAME_BYTES;

function namesIn(bytes: Buffer): DeniedAccess[] {
  const list: DeniedAccess[] = [];
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const count = Number(bytes.readBigUInt64LE(at));
    const to = bytes.toString('latin1', at + 16, at + RECORD_BYTES).replace(/\0.*$/s, '');
    const lastMs = Number(bytes.readBigUInt64LE(at + 8));
    if (count > 0) list.push({ kind: 'name', to, protocol: 'dns', port: 53, count, lastMs });
  }
  return list;
}

/** What was denied since its last start, the latest first. Throws NO_EGRESS_LIST. */
export async function deniedTo(core: Core, record: ContainerRecord): Promise<DeniedAccess[]> {
  if (record.egress === undefined)
    throw new MydockerError('NO_EGRESS_LIST', `${record.name} may reach everything: it has no egress list`, {
      subject: record.name,
      remedy:
        'give it one with --egress when it is made, or while it is stopped with: mydocker update --egress',
      exitCode: 1,
    });
  const { planDenied, readDenied } = await loadEgress();
  const files = deniedFiles(containerDir(core.paths, record.id));
  const { state } = lifeOf(core.paths, record.id);
  const packets =
    state === undefined
      ? readDenied(
          readIfThere(files.packets),
          statSync(files.packets, { throwIfNoEntry: false })?.mtimeMs ?? 0,
        )
      : readDenied(
          await askNetwork(core, `cannot ask the filter of ${record.name}`, state, planDenied()),
          Date.now(),
        );
  const addresses = packets.map(
    ({ address, ...rest }): DeniedAccess => ({ kind: 'address', to: address, ...rest }),
  );
  return [...namesIn(readIfThere(files.names)), ...addresses].sort((a, b) => b.lastMs - a.lastMs);
}
