import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { builtin, MydockerError, randomHex } from '../base/index.ts';
import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { cgroupDir, cgroupUsage, planCgroup, planLimitChange } from '../runtime/index.ts';
import { encodeLaunch, startShim, stepError } from '../shim/index.ts';
import {
  type ContainerRecord,
  containerDir,
  type DeviceRate,
  type RecordedResources,
  writeRecord,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { withHold } from './hold.ts';
import { limitsOf } from './limits.ts';
import { cgroupsPath } from './oci.ts';
import { ociResources } from './oci-limits.ts';
import { whileUpdating } from './record-lock.ts';
import { BUSY_MS, lifeOf, refuseBroken, requireRecord, settledLife, waitTurn } from './status.ts';
import type { ResourceChanges } from './types.ts';

/*
 * A running container's limits are written by a plan whose steps can be taken back, and its last one puts the new
 * record into place: when anything fails, the old limits hold and the old record says so.
 */

const RATES = ['blkioWeightDevice', 'readBps', 'writeBps', 'readIops', 'writeIops'] as const;

/** The old limits with what was changed; null takes one away. Rates are each disk's own: 0 takes that away. */
function merged(core: Core, old: RecordedResources, changes: ResourceChanges): RecordedResources {
  const plain = Object.entries(changes).filter(([field]) => !(RATES as readonly string[]).includes(field));
  const next: Record<string, unknown> = { ...old };
  for (const [field, value] of plain)
    if (value === null) delete next[field];
    else if (value !== undefined) next[field] = value;
  for (const field of RATES) {
    const asked = changes[field];
    if (asked === null) delete next[field];
    if (asked === null || asked === undefined) continue;
    const isAsked = ({ path }: { path: string }): boolean => asked.some((rate) => rate.path === path);
    const kept = (old[field] ?? []).filter((rate: DeviceRate) => !isAsked(rate));
    const all = [...kept, ...asked.filter(({ rate }) => rate !== 0)];
    if (all.length === 0) delete next[field];
    else next[field] = all;
  }
  return limitsOf(core, next as RecordedResources);
}

/** cgroup v2 kills what does not fit a lowered limit; v1 refuses to lower it. As on v1, on both. */
function refuseTooSmall(core: Core, record: ContainerRecord, limitBytes: number | undefined): void {
  if (limitBytes === undefined || limitBytes === record.resources.memoryBytes) return;
  const host = core.cgroups();
  if (host.version !== 2) return;
  const { memoryBytes } = cgroupUsage(host, cgroupsPath(record));
  if (memoryBytes <= limitBytes) return;
  throw new MydockerError(
    'LIMIT_TOO_SMALL',
    `cannot update ${record.name}: -m: ${memoryBytes} bytes are in use already, more than ${limitBytes}`,
    { subject: '-m', remedy: 'give a larger -m' },
  );
}

/** What the cgroup above a container's own says. */
function readAbove(core: Core, record: ContainerRecord, controller: string, file: string): string {
  const directory = cgroupDir(core.cgroups(), cgroupsPath(record), controller);
  return readFileSync(`${builtin('node:path').dirname(directory ?? '/')}/${file}`, 'latin1').trim();
}

/** The new record beside the old one, on the disk; its path. */
function stageRecord(directory: string, record: ContainerRecord): string {
  const path = `${directory}/container.json.${randomHex(6)}`;
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeSync(fd, `${JSON.stringify(record)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return path;
}

async function updateRunning(core: Core, old: ContainerRecord, next: ContainerRecord): Promise<void> {
  const path = cgroupsPath(old);
  refuseTooSmall(core, old, next.resources.memoryBytes);
  const changes: (Action & StepNotes)[] = planLimitChange({
    host: core.cgroups(),
    facts: core.cgroupFacts(path),
    cgroupsPath: path,
    before: ociResources(old),
    after: ociResources(next),
    get swappiness() {
      return readAbove(core, old, 'memory', 'memory.swappiness');
    },
    allOf: (file) => readAbove(core, old, 'cpuset', `${file}.effective`),
  });
  const directory = containerDir(core.paths, old.id);
  const staged = stageRecord(directory, next);
  const plan: { steps: Step[] } = {
    steps: steps('host', ...changes, {
      op: 'rename',
      from: staged,
      path: `${directory}/container.json`,
      why: 'now the new limits are the container’s own',
    }),
  };
  try {
    const encoded = encodeLaunch(plan, { detach: false, fault: core.fault });
    const { failure } = await startShim({ root: core.root, mode: 'run', title: 'update', plan: encoded })
      .done;
    if (failure !== undefined) throw stepError(`cannot update ${old.name}`, plan, failure);
  } finally {
    rmSync(staged, { force: true });
  }
}

/** One attempt; false when the container came to life, or ended, in the middle of it. */
async function attempt(core: Core, id: string, changes: ResourceChanges): Promise<boolean> {
  const life = await settledLife(core.paths, id);
  const old = requireRecord(core.paths, id);
  refuseBroken(life, old.name, 'update');
  const next = { ...old, resources: merged(core, old.resources, changes) };
  const linux = { cgroupsPath: cgroupsPath(next), resources: ociResources(next) };
  // What this host cannot set is refused for one that does not run, too.
  planCgroup(core.cgroups(), core.cgroupFacts(linux.cgroupsPath), linux);
  if (life.dead) await (await import('./bury.ts')).buryWhole(core, id, old.name);
  if (life.status !== 'running')
    return withHold(core, id, async () => writeRecord(containerDir(core.paths, id), next, true));
  try {
    await updateRunning(core, old, next);
    return true;
  } catch (error) {
    // It ended, and its cgroup went with it.
    if (lifeOf(core.paths, id).status !== 'running') return false;
    throw error;
  }
}

/**
 * Other limits for a container, running or not, now and for its later starts. All of them come to hold, or none. Throws
 * BAD_INPUT, NO_DEVICE, NO_CONTROLLER, LIMIT_TOO_SMALL, LIMIT_REFUSED.
 */
export async function updateContainer(core: Core, id: string, changes: ResourceChanges): Promise<void> {
  await whileUpdating(core, id, async () => {
    for (const deadlineMs = Date.now() + BUSY_MS; ; await waitTurn(deadlineMs, id))
      if (await attempt(core, id, changes)) return;
  });
}
