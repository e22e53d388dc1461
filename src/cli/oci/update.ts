import { badInput } from '../../base/index.ts';
import type { UpdateFlags } from '../../oci/index.ts';
import type { Command, Context, OptionSpec } from '../spec.ts';
import { runtimeOf } from './runtime.ts';

const option = (name: string, placeholder: string, help: string, also?: string): OptionSpec => ({
  name,
  value: 'string',
  placeholder,
  help,
  ...(also === undefined ? {} : { also: [also] }),
});

/** A whole number, -1 for "no limit". Throws BAD_INPUT. */
function number(context: Context, name: string): number | undefined {
  const text = context.flags.string(name);
  if (text === undefined || text === '') return undefined;
  const [, digits, unit = ''] = /^(-1|\d+)([kmg]?)b?$/i.exec(text) ?? [];
  if (digits === undefined)
    throw badInput(`--${name} "${text}" is no number`, {
      subject: text,
      remedy: 'give a whole number, -1 for no limit',
    });
  return Number(digits) * ({ k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit.toLowerCase()] ?? 1);
}

function defined<T extends object>(part: T): { [K in keyof T]: Exclude<T[K], undefined> } | undefined {
  const entries = Object.entries(part).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as never);
}

function flagsOf(context: Context): UpdateFlags {
  const { flags } = context;
  const memory = defined({
    limit: number(context, 'memory'),
    reservation: number(context, 'memory-reservation'),
    swap: number(context, 'memory-swap'),
  });
  const cpu = defined({
    shares: number(context, 'cpu-share'),
    quota: number(context, 'cpu-quota'),
    period: number(context, 'cpu-period'),
    burst: number(context, 'cpu-burst'),
    realtimePeriod: number(context, 'cpu-rt-period'),
    realtimeRuntime: number(context, 'cpu-rt-runtime'),
    idle: number(context, 'cpu-idle'),
    cpus: flags.string('cpuset-cpus'),
    mems: flags.string('cpuset-mems'),
  });
  const blockIO = defined({ weight: number(context, 'blkio-weight') });
  const pids = defined({ limit: number(context, 'pids-limit') });
  return { file: flags.string('resources'), resources: defined({ memory, cpu, blockIO, pids }) ?? {} };
}

/** `mydocker oci update`. */
export const ociUpdate: Command = {
  name: 'oci update',
  summary: 'Change the limits of a container',
  usage: 'ID',
  options: [
    {
      name: 'resources',
      short: 'r',
      value: 'string',
      placeholder: 'FILE',
      help: 'a resources object as in config.json, - for standard input; then the flags are not looked at',
    },
    option('memory', 'BYTES', 'memory'),
    option('memory-reservation', 'BYTES', 'memory it is pushed back to when the host lacks some'),
    option('memory-swap', 'BYTES', 'memory and swap together'),
    option('cpu-period', 'US', 'length of a period, in microseconds'),
    option('cpu-quota', 'US', 'CPU time in each period, in microseconds'),
    option('cpu-burst', 'US', 'CPU time that may be saved up, in microseconds'),
    option('cpu-share', 'N', 'weight against others, 1024 is usual', 'cpu-shares'),
    option('cpu-rt-period', 'US', 'the same for real-time processes'),
    option('cpu-rt-runtime', 'US', 'real-time CPU time in each period, in microseconds'),
    option('cpu-idle', '0|1', '1: runs only when nobody else wants to'),
    option('cpuset-cpus', 'LIST', 'cores, as 0-2,4'),
    option('cpuset-mems', 'LIST', 'memory nodes'),
    option('blkio-weight', 'N', 'weight at the disk, 10 to 1000'),
    option('pids-limit', 'N', 'processes'),
  ],
  examples: ['oci update --memory 64m --pids-limit 20 web', 'oci update -r resources.json web'],
  args: [1, 1],
  run: async (context) => {
    const { update } = await import('../../oci/index.ts');
    update(runtimeOf(context), context.args[0] ?? '', flagsOf(context));
    return 0;
  },
};
