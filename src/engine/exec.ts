import { closeSync } from 'node:fs';
import { errnoOf, MydockerError, randomHex } from '../base/index.ts';
import type { Plan } from '../plan/index.ts';
import { type ExecInput, outside, planExec } from '../runtime/index.ts';
import {
  AttachClient,
  encodeLaunch,
  Front,
  FrontFiles,
  outputError,
  type Report,
  type ShimStart,
  startShim,
  stepError,
  WANTS,
} from '../shim/index.ts';
import { type ContainerRecord, runDir, stagingName } from '../storage/index.ts';
import { startingSize } from './console-size.ts';
import type { Core } from './core.ts';
import { mergeEnv } from './create.ts';
import { planExecEvents } from './events-file.ts';
import { cgroupsPath, namespacesOf, processOf } from './oci.ts';
import { AttachedSession, forwardSignal } from './session.ts';
import { refusePaused, requireRunning } from './status.ts';
import type { ExecSpec, How, Running, StreamFds } from './types.ts';

function execInput(
  core: Core,
  record: ContainerRecord,
  spec: ExecSpec,
  how: How,
  socket: string | undefined,
): ExecInput {
  const state = requireRunning(core.paths, record.id, record.name, 'exec in');
  refusePaused(state, record.name, 'exec in');
  const terminal = spec.tty ?? false;
  const users = record.isolation?.users;
  const usual = processOf(record);
  return {
    process: {
      ...usual,
      terminal,
      ...startingSize(terminal, how),
      args: spec.command,
      env: mergeEnv(record.env, terminal ? ['TERM=xterm'] : [], spec.env ?? []),
      cwd: spec.workdir ?? (record.workdir === '' ? '/' : record.workdir),
      // --group-add is about the container's own user, as in Docker.
      user: spec.user === undefined ? usual.user : { username: spec.user },
    },
    pid: state.pid,
    startTicks: state.startTicks,
    namespaces: namespacesOf(record),
    cgroups: core.cgroups(),
    cgroupsPath: cgroupsPath(record),
    ...(users === undefined ? {} : { root: { uid: outside(users.uids), gid: outside(users.gids) } }),
    stdin: spec.stdin ?? false,
    inherit: how === 'inherit',
    hold: how === 'session',
    socket,
  };
}

const lost = (what: string): MydockerError =>
  new MydockerError('MONITOR_LOST', `${what}: its shim was killed`, { exitCode: 137 });

/** The exit code of a program whose shim has ended; throws what went wrong instead. */
export function execOutcome(name: string, report: Report, plan: () => Plan): number {
  const what = `cannot exec in ${name}`;
  if (report.failure !== undefined) throw stepError(what, plan(), report.failure);
  if (report.ending === undefined) throw lost(what);
  if (report.outputLost !== undefined) throw outputError(name, report.outputLost);
  return report.ending.code;
}

type PlanWords = Pick<ShimStart, 'plan' | 'planFd' | 'report' | 'fronted'>;

/** The plan and the report in files with names, as a front needs them; undefined where the disk has no room. */
function inFiles(files: FrontFiles, plan: Buffer): PlanWords | undefined {
  let planFd: number | undefined;
  try {
    planFd = files.writePlan(plan);
    return { planFd, report: files.open(), fronted: true };
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    if (planFd !== undefined) closeSync(planFd);
    files.remove();
    return undefined;
  }
}

/** Runs one more program in a running container. Refused, with nothing executed anywhere, when it does not run. */
export async function execInContainer(
  core: Core,
  record: ContainerRecord,
  spec: ExecSpec,
  how: How,
  fds: StreamFds = { stdin: 0, stdout: 1, stderr: 2 },
): Promise<Running> {
  const socket =
    how === 'detached' ? undefined : `${runDir(core.paths, record.id)}/exec-${randomHex(6)}.sock`;
  const bare = planExec(execInput(core, record, spec, how, socket));
  const [first, rest] = [bare.steps.slice(0, 1), bare.steps.slice(1)];
  const plan = { steps: [...first, ...planExecEvents(core.paths, record, spec.command), ...rest] };
  const detach = how !== 'inherit';
  const what = `cannot exec in ${record.name}`;
  const files = fds.fronted === true && !detach ? new FrontFiles(core.paths.run, stagingName) : undefined;
  const encoded = encodeLaunch(plan, { detach, withReasons: files !== undefined, fault: core.fault });
  const fronted = files === undefined ? undefined : inFiles(files, encoded);
  const shim = startShim({
    root: core.root,
    mode: 'launch',
    title: record.id.slice(0, 12),
    ...(fronted ?? { plan: encoded }),
    ...(detach ? {} : { stdin: spec.stdin ? fds.stdin : 'ignore', stdout: fds.stdout, stderr: fds.stderr }),
  });
  if (fronted?.planFd !== undefined) closeSync(fronted.planFd);
  let starting = true;
  const signal = (number: number): void => {
    if (socket !== undefined) forwardSignal(socket, number, () => starting);
  };
  const running: Running = { id: record.id, name: record.name, notes: [], signal, exit: Promise.resolve(0) };
  if (how === 'inherit') {
    const exit = shim.done.then((report) => {
      starting = false;
      files?.remove();
      return execOutcome(record.name, report, () => plan);
    });
    if (files === undefined || fronted === undefined || socket === undefined) return { ...running, exit };
    return { ...running, exit, front: new Front(core.root, shim.pid, socket, files) };
  }
  const report = await shim.done;
  if (report.failure !== undefined) throw stepError(what, plan, report.failure);
  if (how === 'detached' || socket === undefined) return running;
  if (!report.ready) throw lost(what);
  const client = await AttachClient.connect(
    socket,
    WANTS.stdin | WANTS.stdout | WANTS.stderr | WANTS.release,
  );
  const session = new AttachedSession(record.id, client, (failure) => stepError(what, plan, failure));
  return { ...running, session, exit: session.done.then((code) => code ?? 0) };
}
