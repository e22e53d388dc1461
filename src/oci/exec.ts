import { encodePlan, PLAN_FLAGS } from '../plan/index.ts';
import { type Config, type ConfigProcess, planBundleExec, readProcess } from '../runtime/bundle/index.ts';
import { type Report, startShim, stepError } from '../shim/index.ts';
import { cgroups, checkLabels, heldCapabilities, seccompOf } from './host.ts';
import { checked, loadKept, loadProcess } from './load.ts';
import type { OciRuntime } from './runtime.ts';
import { findMade } from './state.ts';
import { ociError } from './store.ts';

/** Flags of `exec`. What is absent is as the container's own process has it. */
export interface ExecOptions {
  id: string;
  /** A file with a process object; else args and the rest. */
  processFile: string | undefined;
  args: readonly string[];
  cwd: string | undefined;
  env: readonly string[];
  /** "uid" or "uid:gid". */
  user: string | undefined;
  additionalGids: readonly number[];
  tty: boolean;
  capabilities: readonly string[];
  noNewPrivileges: boolean;
  detach: boolean;
  consoleSocket: string | undefined;
  pidFile: string | undefined;
  preserveFds: number;
  ignorePaused: boolean;
}

function userOf(text: string, otherwise: ConfigProcess['user']): ConfigProcess['user'] {
  const match = /^(\d+)(?::(\d+))?$/.exec(text);
  if (match === null)
    throw ociError('OCI_BAD_INPUT', `--user is "${text}", must be a number, or two: uid:gid`, {
      subject: text,
    });
  return {
    ...otherwise,
    uid: Number(match[1]),
    gid: match[2] === undefined ? otherwise.gid : Number(match[2]),
  };
}

/** The process to run: from its file, or the container's own with what the flags say. */
export function processOfExec(
  config: Config,
  options: ExecOptions,
  runtime: Pick<OciRuntime, 'warn'>,
): ConfigProcess {
  if (options.processFile !== undefined) return loadProcess(options.processFile, runtime.warn);
  const { process: own } = config;
  if (own === undefined)
    throw ociError('OCI_BAD_CONFIG', 'the container has no process to take defaults from');
  if (options.args.length === 0)
    throw ociError('OCI_BAD_INPUT', 'exec needs a command', {
      remedy: 'give one after the container id, or --process FILE',
    });
  const { consoleSize: _size, ...rest } = own;
  const caps = own.capabilities ?? {};
  const add = (set: readonly string[] | undefined): string[] => [...(set ?? []), ...options.capabilities];
  const user = options.user === undefined ? own.user : userOf(options.user, own.user);
  const process = {
    ...rest,
    terminal: options.tty,
    args: options.args,
    cwd: options.cwd ?? own.cwd,
    env: [...(own.env ?? []), ...options.env],
    user: {
      ...user,
      ...(options.additionalGids.length === 0
        ? {}
        : { additionalGids: [...(user.additionalGids ?? []), ...options.additionalGids] }),
    },
    noNewPrivileges: options.noNewPrivileges || own.noNewPrivileges === true,
    capabilities:
      options.capabilities.length === 0
        ? caps
        : {
            ...caps,
            bounding: add(caps.bounding),
            effective: add(caps.effective),
            permitted: add(caps.permitted),
          },
  };
  return checked('exec', readProcess(process), runtime.warn);
}

/** `exec`: one more process in a running container. Resolves with its exit code, or at once with 0 when detached. */
export async function exec(runtime: OciRuntime, options: ExecOptions): Promise<number> {
  const { entry, record, status } = findMade(runtime, options.id);
  const refuse = (why: string) =>
    ociError('OCI_WRONG_STATE', `cannot exec in a ${why} container: "${options.id}"`, {
      subject: options.id,
    });
  if (status === 'stopped') throw refuse('stopped');
  if (status === 'paused' && !options.ignorePaused) throw refuse('paused');
  const config = loadKept(entry.dir);
  const process = processOfExec(config, options, runtime);
  checkLabels({ ...config, process });
  if (process.terminal === true && options.detach && options.consoleSocket === undefined)
    throw ociError(
      'OCI_CONSOLE_SOCKET',
      'cannot allocate a terminal without a console socket when nobody stays to serve it',
      {
        remedy: 'give --console-socket, or leave --tty out',
      },
    );
  const passedOn = process.terminal === true && options.consoleSocket === undefined;
  const own = passedOn ? runtime.ownTerminal?.() : undefined;
  const size = own === undefined ? {} : { consoleSize: { height: own.rows, width: own.cols } };
  const plan = planBundleExec({
    config,
    process: { ...size, ...process },
    pid: record.pid,
    startTicks: record.startTicks,
    cgroups: cgroups(),
    cgroupPath: record.cgroupPath,
    held: heldCapabilities(),
    ...(await seccompOf(config)),
    consoleSocket: options.consoleSocket,
    pidFile: options.pidFile,
    noNewKeyring: false,
    preserveFds: options.preserveFds,
    stays: !options.detach,
  });
  // Before there is a program: nothing it prints is for a terminal that changes it.
  const restore = own?.raw();
  let report: Report;
  try {
    report = await startShim({
      root: runtime.engineRoot,
      mode: 'launch',
      title: options.id.slice(0, 12),
      plan: encodePlan(plan, { flags: options.detach ? PLAN_FLAGS.leave : 0, fault: runtime.fault }),
      stdin: 0,
      stdout: 1,
      stderr: 2,
      more: Array.from({ length: options.preserveFds }, (_, i) => 3 + i),
    }).done;
  } finally {
    restore?.();
  }
  if (report.failure !== undefined)
    throw stepError(`exec failed in container "${options.id}"`, plan, report.failure);
  if (options.detach) return 0;
  return report.ending?.code ?? 255;
}
