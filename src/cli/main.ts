import { badInput, MydockerError } from '../base/errors.ts';
import type { Engine, EngineOptions } from '../engine/index.ts';
import { ENDED } from './front.ts';
import { GLOBAL_OPTIONS } from './globals.ts';
import { nearest } from './nearest.ts';
import { print } from './out.ts';
import { parse } from './parse.ts';
import { load, NAMES } from './registry.ts';
import { report } from './report.ts';
import { type Command, type Context, type Globals, MANY } from './spec.ts';

/** First words of Docker's grouped spellings: groups.ts. */
export const GROUP_NAMES: readonly string[] = ['container', 'image', 'oci', 'volume', 'network', 'system'];

/** Runs one command line (without the program's name) and returns its exit code. Errors are written to standard error. */
export async function main(argv: readonly string[]): Promise<number> {
  let debug = isSet(process.env.MYDOCKER_DEBUG);
  try {
    const { flags, args, help } = parse({ name: '', options: GLOBAL_OPTIONS, passThrough: true }, argv);
    debug ||= flags.bool('debug');
    const globals: Globals = {
      root: flags.string('root') ?? nonEmpty(process.env.MYDOCKER_ROOT),
      defaultImage: nonEmpty(process.env.MYDOCKER_DEFAULT_IMAGE) ?? 'busybox',
      debug,
    };
    if (args[0] === 'oci' && !help)
      return await (await import('./oci/main.ts')).ociMain(args.slice(1), globals);
    if (args[0] === ENDED && !help)
      return await (await import('./ended.ts')).ended(
        args.slice(1),
        await contextOf(flags, [], globals).engine(),
      );
    return await dispatch(await wordsToRun(args, help, flags.bool('version')), globals);
  } catch (error) {
    return report(error, debug);
  }
}

function isSet(text: string | undefined): boolean {
  return text !== undefined && text !== '' && text !== '0';
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** Global flags that stand for a command, and grouped spellings, resolved to a command and its words. */
async function wordsToRun(
  args: readonly string[],
  help: boolean,
  version: boolean,
): Promise<readonly string[]> {
  if (help) return ['help'];
  if (version) return ['version', '--format', '{{.Version}}'];
  const [first, second] = args;
  if (first === undefined) {
    throw badInput('no command given', {
      remedy: 'give one, for example: mydocker run --rm busybox echo hello; see all with: mydocker --help',
    });
  }
  if (!GROUP_NAMES.includes(first)) return args;
  if (second === '--help' || second === '-h' || second === 'help') return ['help', first, ...args.slice(2)];
  const group = (await import('./groups.ts')).GROUPS[first] ?? {};
  const command = second !== undefined && Object.hasOwn(group, second) ? group[second] : undefined;
  if (command !== undefined) return [...command, ...args.slice(2)];
  throw badInput(
    second === undefined ? `"mydocker ${first}" needs a command` : `unknown command "${first} ${second}"`,
    {
      remedy: `${first} has: ${Object.keys(group).join(', ')}`,
    },
  );
}

async function dispatch(words: readonly string[], globals: Globals): Promise<number> {
  const [name = '', ...rest] = words;
  const command = await load(name);
  if (command === undefined) throw unknownCommand(name);
  const { flags, args, help } = parse(command, rest);
  if (help) {
    const { commandHelp } = await import('./help.ts');
    print(commandHelp(command));
    return 0;
  }
  checkCount(command, args);
  if (command.needsRoot !== false) checkRoot(command);
  return command.run(contextOf(flags, args, globals));
}

/** What networks are like unless a command says otherwise. */
function networkSettings(): Pick<
  EngineOptions,
  'defaultNetwork' | 'addressPool' | 'configFile' | 'publishIp'
> {
  const defaultNetwork = nonEmpty(process.env.MYDOCKER_DEFAULT_NETWORK);
  const addressPool = nonEmpty(process.env.MYDOCKER_ADDRESS_POOL);
  const publishIp = nonEmpty(process.env.MYDOCKER_PUBLISH_IP);
  const configFile = nonEmpty(process.env.MYDOCKER_CONFIG);
  return {
    ...(defaultNetwork === undefined ? {} : { defaultNetwork }),
    ...(addressPool === undefined ? {} : { addressPool }),
    ...(publishIp === undefined ? {} : { publishIp }),
    ...(configFile === undefined ? {} : { configFile }),
  };
}

function contextOf(flags: Context['flags'], args: readonly string[], globals: Globals): Context {
  let engine: Promise<Engine> | undefined;
  const { root, defaultImage } = globals;
  const open = async (): Promise<Engine> => {
    const { Engine } = await import('../engine/index.ts');
    const step = nonEmpty(process.env.MYDOCKER_FAIL_STEP);
    const fault = step === undefined ? undefined : (await import('./fault.ts')).parseFault(step);
    return new Engine({
      defaultImage,
      ...(root === undefined ? {} : { root }),
      ...networkSettings(),
      ...(fault === undefined ? {} : { fault }),
    });
  };
  return {
    flags,
    args,
    globals,
    engine: () => {
      engine ??= open();
      return engine;
    },
  };
}

function unknownCommand(name: string): MydockerError {
  const near = nearest(name, [...NAMES, ...GROUP_NAMES]);
  const hint = near === undefined ? '' : `did you mean "${near}"? `;
  return badInput(`unknown command "${name}"`, { subject: name, remedy: `${hint}see: mydocker --help` });
}

function checkCount(command: Command, args: readonly string[]): void {
  const [min, max] = command.args;
  if (args.length >= min && args.length <= max) return;
  const line = `mydocker ${command.name}`;
  const wanted = max === MANY ? `at least ${min}` : min === max ? `${min}` : `${min} to ${max}`;
  const noun = wanted.endsWith('1') ? 'argument' : 'arguments';
  const what = max === 0 ? `"${line}" takes no arguments` : `"${line}" needs ${wanted} ${noun}`;
  const got = args.length === 0 ? 'and got none' : `and got ${args.length}`;
  throw badInput(`${what} ${got}`, { remedy: `usage: ${line} [OPTIONS] ${command.usage}`.trimEnd() });
}

function checkRoot(command: Command): void {
  if (process.geteuid?.() === 0) return;
  throw new MydockerError('NOT_ROOT', `cannot ${command.name}: mydocker needs root to work with containers`, {
    remedy: `run it as root, for example: sudo mydocker ${command.name} …`,
  });
}
