import { badInput } from '../base/errors.ts';
import type { ContainerSpec } from '../engine/types.ts';
import { parseEnv, readEnvFile } from './env.ts';
import type { Flags } from './parse.ts';
import type { Mutable, OptionSpec } from './spec.ts';
import * as values from './values.ts';

/** `--detach-keys`, shared by everything that attaches a terminal. */
export const DETACH_KEYS: OptionSpec = {
  name: 'detach-keys',
  value: 'string',
  placeholder: 'KEYS',
  help: 'keys that leave the terminal and let the program run on (default ctrl-p,ctrl-q)',
};

/** What every program takes that is started in a container, by `run` or by `exec`. */
export const PROCESS_OPTIONS: readonly OptionSpec[] = [
  { name: 'interactive', short: 'i', help: 'keep standard input open' },
  { name: 'tty', short: 't', help: 'give the program a terminal' },
  {
    name: 'env',
    short: 'e',
    value: 'list',
    placeholder: 'K=V',
    help: 'set a variable; K alone passes the value of the caller on',
  },
  {
    name: 'env-file',
    value: 'list',
    placeholder: 'FILE',
    help: 'read variables from a file, one K=V a line',
  },
  {
    name: 'workdir',
    short: 'w',
    value: 'string',
    placeholder: 'DIR',
    help: 'working directory in the container',
  },
  {
    name: 'user',
    short: 'u',
    value: 'string',
    placeholder: 'USER[:GROUP]',
    help: 'user by name or number (default: as the image or container says)',
  },
];

/** The program of a new container, beside PROCESS_OPTIONS. */
export const PROGRAM_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'hostname',
    short: 'h',
    value: 'string',
    placeholder: 'NAME',
    help: 'host name (default: the short id)',
  },
  {
    name: 'entrypoint',
    value: 'string',
    placeholder: 'PROGRAM',
    help: 'replaces the entry point of the image; "" clears it',
  },
  { name: 'init', help: 'run a tiny init as process 1: passes signals on, reaps processes' },
];

/** `--env-file`s first, then `-e`, which wins; also used by `exec`. */
export function envFromFlags(flags: Flags): string[] {
  const fromFiles = flags.list('env-file').flatMap((path) => readEnvFile(path, process.env));
  return [...fromFiles, ...parseEnv('-e', flags.list('env'), process.env)];
}

function checkUser(flag: string, text: string): string {
  if (/^[^:\s]+(:[^:\s]+)?$/.test(text)) return text;
  throw badInput(`${flag} "${text}" is no user`, {
    subject: flag,
    remedy: `give for example ${flag} nobody or ${flag} 1000:1000`,
  });
}

/** The program: who it is, what it is given. Reads `--env-file`s. Throws BAD_INPUT. */
export function processFromFlags(flags: Flags): Partial<ContainerSpec> {
  const spec: Partial<Mutable<ContainerSpec>> = {};
  flags.take('workdir', (text, flag) => (spec.workdir = values.parseWorkdir(flag, text)));
  flags.take('user', (text, flag) => (spec.user = checkUser(flag, text)));
  flags.take('hostname', (text, flag) => (spec.hostname = values.parseHostname(flag, text)));
  flags.take('entrypoint', (text) => (spec.entrypoint = text === '' ? [] : [text]));
  if (flags.bool('tty')) spec.tty = true;
  if (flags.bool('interactive')) spec.stdin = true;
  if (flags.bool('init')) spec.init = true;
  const env = envFromFlags(flags);
  if (env.length > 0) spec.env = env;
  return spec;
}
