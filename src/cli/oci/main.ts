import { badInput, MydockerError } from '../../base/index.ts';
import type { OciRuntime } from '../../oci/index.ts';
import { parseFault } from '../fault.ts';
import { nearest } from '../nearest.ts';
import { print, warn } from '../out.ts';
import { type Flags, parse } from '../parse.ts';
import { load, NAMES } from '../registry.ts';
import { AlreadySaid, errorLine, report } from '../report.ts';
import { type Command, type Globals, MANY } from '../spec.ts';
import { DEFAULT_OCI_ROOT, OCI_OPTIONS } from './globals.ts';
import { Log } from './log.ts';

const ENGINE_ROOT = '/var/lib/mydocker';

/** The names of the commands below `oci`. */
export function ociNames(): string[] {
  return NAMES.filter((name) => name.startsWith('oci ')).map((name) => name.slice(4));
}

function runtimeOf(flags: Flags, globals: Globals, log: Log): OciRuntime {
  const step = process.env.MYDOCKER_FAIL_STEP;
  return {
    root: flags.string('root') ?? DEFAULT_OCI_ROOT,
    engineRoot: globals.root ?? ENGINE_ROOT,
    systemdCgroup: flags.bool('systemd-cgroup'),
    warn: (message) => {
      log.write('warning', message);
      warn(message);
    },
    fault: step === undefined || step === '' ? undefined : parseFault(step),
  };
}

async function help(): Promise<void> {
  const { ociOverview } = await import('../help.ts');
  const commands = await Promise.all(ociNames().map((name) => load(`oci ${name}`)));
  print(
    ociOverview(
      commands.filter((command) => command !== undefined),
      OCI_OPTIONS,
    ),
  );
}

async function commandOf(name: string | undefined): Promise<Command> {
  if (name === undefined)
    throw badInput('no command given', { exitCode: 1, remedy: `give one of: ${ociNames().join(', ')}` });
  const command = await load(`oci ${name}`);
  if (command !== undefined) return command;
  const near = nearest(name, ociNames());
  throw badInput(`unknown command "oci ${name}"`, {
    exitCode: 1,
    subject: name,
    remedy: `${near === undefined ? '' : `did you mean "${near}"? `}see: mydocker oci --help`,
  });
}

function checkUse(command: Command, args: readonly string[]): void {
  const [min, max] = command.args;
  if (args.length < min || args.length > max) {
    const wanted = max === MANY ? `at least ${min}` : min === max ? `${min}` : `${min} to ${max}`;
    throw badInput(`"mydocker ${command.name}" needs ${wanted} argument(s) and got ${args.length}`, {
      exitCode: 1,
      remedy: `usage: mydocker ${command.name} [OPTIONS] ${command.usage}`,
    });
  }
  if (command.needsRoot === false || process.geteuid?.() === 0) return;
  throw new MydockerError('NOT_ROOT', `mydocker ${command.name} needs root`, {
    exitCode: 1,
    remedy: 'run it as root',
  });
}

async function runCommand(
  words: readonly string[],
  group: Flags,
  globals: Globals,
  log: Log,
): Promise<number> {
  const [name, ...rest] = words;
  const command = await commandOf(name);
  const { flags, args, help: wanted } = parse(command, rest);
  if (wanted) {
    const { commandHelp } = await import('../help.ts');
    print(commandHelp(command));
    return 0;
  }
  checkUse(command, args);
  const noEngine = () => Promise.reject(new Error('an OCI runtime has no engine'));
  return command.run({ flags, args, globals, engine: noEngine, oci: runtimeOf(group, globals, log) });
}

/** One command line of the OCI runtime, runc's own. Every error ends with 1, but for `exec`: 255. */
export async function ociMain(argv: readonly string[], globals: Globals): Promise<number> {
  let log: Log | undefined;
  let debug = globals.debug;
  let exec = false;
  try {
    const {
      flags,
      args,
      help: wanted,
    } = parse({ name: 'oci', options: OCI_OPTIONS, passThrough: true }, argv);
    debug ||= flags.bool('debug');
    exec = args[0] === 'exec';
    log = new Log(flags.string('log'), flags.string('log-format'));
    if (wanted) {
      await help();
      return 0;
    }
    if (flags.bool('version')) {
      const { versionInfo } = await import('../../engine/index.ts');
      print(`mydocker-oci version ${versionInfo().Version}\nspec: 1.3.0`);
      return 0;
    }
    return await runCommand(args, flags, globals, log);
  } catch (error) {
    if (!(error instanceof AlreadySaid)) log?.write('error', errorLine(error));
    const code = report(error, debug);
    if (error instanceof AlreadySaid) return code;
    return exec ? 255 : 1;
  } finally {
    log?.close();
  }
}
