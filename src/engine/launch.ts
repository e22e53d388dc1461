import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { errnoOf, MydockerError, NEW_OR_EMPTY } from '../base/index.ts';
import type { Plan } from '../plan/index.ts';
import {
  encodeLaunch,
  type Failure,
  Front,
  FrontFiles,
  type Report,
  type SpareShim,
  startShim,
} from '../shim/index.ts';
import {
  type ContainerRecord,
  claimText,
  containerDir,
  ownMark,
  readWiring,
  runDir,
  stagingName,
  type Wiring,
} from '../storage/index.ts';
import { ChangedMeanwhile, isCurrent, type Version } from './changed.ts';
import type { Core } from './core.ts';
import type { Services } from './egress.ts';
import { breakHold } from './hold.ts';
import { launchPlan } from './launch-plan.ts';
import { type EncodedLaunch, encodeByTemplate } from './launch-template.ts';
import { namesDirOf, writeNameFiles } from './name-files.ts';
import { checkNetworks } from './network-steps.ts';
import { makeRunDir } from './new-dirs.ts';
import type { Ready } from './ready.ts';
import { stateError } from './state-error.ts';
import { BUSY_MS, lifeOf, refuseBroken, waitTurn } from './status.ts';
import type { How, Running, StreamFds } from './types.ts';

/** The place is taken: waits until it runs (true), or may be free. What a dead monitor left is cleared first. */
async function runsAlready(core: Core, record: ContainerRecord, deadlineMs: number): Promise<boolean> {
  const life = lifeOf(core.paths, record.id);
  refuseBroken(life, record.name, 'start');
  if (life.status === 'running') return true;
  breakHold(core, record.id);
  if (life.dead) await (await import('./bury.ts')).buryWhole(core, record.id, record.name);
  else await waitTurn(deadlineMs, record.id);
  return false;
}

/** Errnos of a rename onto a directory that is not empty, or onto the link of somebody who removes the container. */
const TAKEN = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR']);

/**
 * Takes the container's run directory by renaming a complete one into place: of two starts at once, one wins.
 * Returns false when it is running already.
 */
async function takeRunDir(
  core: Core,
  record: ContainerRecord,
  plan: Buffer,
  wiring: Wiring | undefined,
  ready: Ready | undefined,
): Promise<boolean> {
  const target = runDir(core.paths, record.id);
  const hasNames = namesDirOf(core.paths, record) === target;
  const made = hasNames ? ready?.takeRun() : undefined;
  const staging = made ?? `${core.paths.run}/${stagingName()}`;
  try {
    if (made === undefined) makeRunDir(staging);
    writeFileSync(`${staging}/plan`, plan, { mode: 0o600, flag: NEW_OR_EMPTY });
    if (hasNames) writeNameFiles(core.paths, staging, record, wiring);
    for (const deadlineMs = Date.now() + BUSY_MS; ; ) {
      try {
        renameSync(staging, target);
        break;
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === undefined || !TAKEN.has(errno)) throw error;
      }
      if (await runsAlready(core, record, deadlineMs)) return false;
    }
    if (existsSync(containerDir(core.paths, record.id))) return true;
    rmSync(target, { recursive: true });
    throw new MydockerError('NO_SUCH_CONTAINER', `cannot start ${record.name}: it has just been removed`, {
      subject: record.name,
      exitCode: 1,
    });
  } catch (error) {
    throw stateError(core, error);
  } finally {
    if (existsSync(staging)) rmSync(staging, { recursive: true });
  }
}

/** What is known of a container also when its record is gone. */
type Known = Pick<ContainerRecord, 'id' | 'name'>;

/** The code for a shim that was lost while it waited: another run would do. */
export const SPARE_LOST = 'SPARE_LOST';

/** The shim went without a word: killed, or never came up. Its run directory has no owner but this process. */
async function lostShim(core: Core, record: Known, wasSpare = false): Promise<MydockerError> {
  const { dead, status } = lifeOf(core.paths, record.id);
  const directory = runDir(core.paths, record.id);
  const own = status === 'created' && claimText(`${directory}/owner`) === ownMark();
  // The shim's first step writes it: without it nothing of the container has been.
  const neverWas = own && !existsSync(`${directory}/state.json`);
  if (dead || own) await (await import('./bury.ts')).bury(core, record.id, own);
  return new MydockerError(
    neverWas ? (wasSpare ? SPARE_LOST : 'SHIM_LOST') : 'MONITOR_LOST',
    neverWas
      ? `cannot start ${record.name}: its shim was killed before it began`
      : `the monitor of ${record.name} was killed, and the container with it`,
    {
      subject: record.name,
      remedy: 'see the system log for who did it (an out-of-memory kill?)',
      exitCode: 137,
    },
  );
}

/**
 * A shim that failed has taken back what it did. One that did nothing (it refused the plan, or failed before its
 * first step) leaves the run directory, known by its plan's inode: another start may have taken the path by now.
 */
export function releaseRunDir(directory: string, planInode: number): void {
  try {
    if (statSync(`${directory}/plan`).ino !== planInode) return;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  rmSync(directory, { recursive: true, force: true });
}

async function failed(record: Known, plan: Plan, failure: Failure): Promise<MydockerError> {
  return (await import('./blame.ts')).stepError(`cannot start ${record.name}`, plan, failure);
}

/** The exit code of a program whose shim has ended; throws what went wrong instead. */
export async function outcomeOf(
  core: Core,
  record: Known,
  report: Report,
  plan: () => Plan,
  wasSpare = false,
): Promise<number> {
  if (report.failure !== undefined) throw await failed(record, plan(), report.failure);
  if (report.ending === undefined) throw await lostShim(core, record, wasSpare);
  if (report.outputLost !== undefined)
    throw (await import('./blame.ts')).outputError(record.name, report.outputLost);
  return report.ending.code;
}

/** What it may reach; nothing of that is loaded for a container that may reach everything. */
async function limitsOf(core: Core, record: ContainerRecord): Promise<Services | undefined> {
  if (record.network.startsWith('container:')) (await import('./egress.ts')).checkNeighbour(core, record);
  if (record.egress === undefined) return undefined;
  return (await import('./egress.ts')).egressSteps(core.paths, record);
}

async function encodeWhole(
  core: Core,
  record: ContainerRecord,
  how: How,
  limits: Services | undefined,
  wiring: Wiring | undefined,
  withReasons: boolean,
): Promise<EncodedLaunch> {
  const plan = await launchPlan(core, record, how, limits, wiring);
  const bytes = encodeLaunch(plan, { detach: how !== 'inherit', withReasons, fault: core.fault });
  return { bytes, plan: () => plan };
}

/**
 * Starts a container. Undefined: it was running already. A failure leaves everything as it was before. `version`: of
 * what `record` and its places in networks were read from. Throws ChangedMeanwhile when that is not there any more.
 */
export async function startOnce(
  core: Core,
  record: ContainerRecord,
  how: How,
  version: Version,
  fds: StreamFds = { stdin: 0, stdout: 1, stderr: 2 },
): Promise<Running | undefined> {
  const limits = await limitsOf(core, record);
  const wiring = readWiring(core.paths, record.id);
  await checkNetworks(core, record, wiring);
  const detach = how !== 'inherit';
  const files = fds.fronted === true && !detach ? new FrontFiles(core.paths.run, stagingName) : undefined;
  const fronted = files !== undefined;
  const { bytes, plan } =
    (fds.ready === undefined || limits !== undefined
      ? undefined
      : await encodeByTemplate(core, record, wiring)) ??
    (await encodeWhole(core, record, how, limits, wiring, fronted));
  if (!(await takeRunDir(core, record, bytes, wiring, fds.ready))) return undefined;
  const directory = runDir(core.paths, record.id);
  // From here on nobody changes one that does not run.
  if (!isCurrent(core, record.id, version)) {
    // At once: what is half removed looks like a start that has died.
    const away = `${core.paths.run}/${stagingName()}`;
    renameSync(directory, away);
    rmSync(away, { recursive: true, force: true });
    throw new ChangedMeanwhile(record.name);
  }
  const planFd = openSync(`${directory}/plan`, 'r');
  const planInode = fstatSync(planFd).ino;
  let shim: ReturnType<typeof startShim>;
  let spare: SpareShim | undefined;
  try {
    files?.keepPlan(`${directory}/plan`);
    const title = record.id.slice(0, 12);
    spare = detach ? undefined : fds.ready?.takeShim();
    shim =
      spare?.start(bytes, title) ??
      startShim({
        root: core.root,
        mode: 'launch',
        title,
        planFd,
        ...(files === undefined ? {} : { report: files.open(), fronted }),
        ...(detach
          ? {}
          : { stdin: record.stdin ? fds.stdin : 'ignore', stdout: fds.stdout, stderr: fds.stderr }),
      });
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    files?.remove();
    throw stateError(core, error);
  } finally {
    closeSync(planFd);
  }
  const started = shim.done.then((report) => {
    files?.remove();
    if (report.failure !== undefined && report.undoFailure === undefined) releaseRunDir(directory, planInode);
    return report;
  });
  const running: Running = {
    id: record.id,
    name: record.name,
    notes: [],
    exit: Promise.resolve(0),
    signal: (number) => {
      const starting = (): boolean => lifeOf(core.paths, record.id).status === 'created';
      void import('./session.ts').then(({ forwardSignal }) =>
        forwardSignal(`${directory}/attach.sock`, number, starting),
      );
    },
  };
  if (how === 'inherit') {
    const exit = started.then((report) => outcomeOf(core, record, report, plan, spare !== undefined));
    if (files === undefined) return { ...running, exit };
    return { ...running, exit, front: new Front(core.root, shim.pid, `${directory}/attach.sock`, files) };
  }
  const report = await started;
  if (report.failure !== undefined) throw await failed(record, plan(), report.failure);
  if (how === 'detached') {
    if (report.startedPid === undefined) throw await lostShim(core, record);
    return { ...running, exit: Promise.resolve(0) };
  }
  if (!report.ready) throw await lostShim(core, record);
  const session = await (await import('./session.ts')).sessionOfStart(core, record, plan());
  return { ...running, session, exit: session.done.then((code) => code ?? 0) };
}
