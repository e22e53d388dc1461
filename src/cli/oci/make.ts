/** `oci create` and `oci run`: what they have in common, and both. */
import { badInput } from '../../base/index.ts';
import type { CreateOptions } from '../../oci/index.ts';
import { onSignals } from '../signals.ts';
import type { Command, Context, OptionSpec } from '../spec.ts';
import { runtimeOf } from './runtime.ts';

const MAKE_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'bundle',
    short: 'b',
    value: 'string',
    placeholder: 'DIR',
    help: 'directory with config.json (default: the working directory)',
  },
  {
    name: 'console-socket',
    value: 'string',
    placeholder: 'SOCKET',
    help: 'Unix socket that takes the terminal’s descriptor',
  },
  { name: 'pid-file', value: 'string', placeholder: 'FILE', help: 'where the process id is written' },
  { name: 'no-pivot', help: 'move the root over / instead of pivot_root, for hosts that run from a ramdisk' },
  { name: 'no-new-keyring', help: 'keep the caller’s session keyring' },
  {
    name: 'preserve-fds',
    value: 'string',
    placeholder: 'N',
    help: 'pass N more descriptors, from 3 on, to the program (default 0)',
  },
];

/** A count of descriptors. Throws BAD_INPUT. */
export function preserveFds(context: Context): number {
  const text = context.flags.string('preserve-fds') ?? '0';
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw badInput(`--preserve-fds "${text}" is no count`, {
    subject: text,
    remedy: 'give a number from 0 to 999',
  });
}

async function optionsOf(context: Context): Promise<CreateOptions> {
  const { resolve } = await import('node:path');
  const { flags, args } = context;
  const absolute = (name: string): string | undefined => {
    const path = flags.string(name);
    return path === undefined || path === '' ? undefined : resolve(path);
  };
  return {
    id: args[0] ?? '',
    bundle: resolve(flags.string('bundle') ?? '.'),
    consoleSocket: absolute('console-socket'),
    pidFile: absolute('pid-file'),
    noPivot: flags.bool('no-pivot'),
    noNewKeyring: flags.bool('no-new-keyring'),
    preserveFds: preserveFds(context),
  };
}

/** `mydocker oci create`. */
export const ociCreate: Command = {
  name: 'oci create',
  summary: 'Create a container from an OCI bundle; its program waits for start',
  usage: 'ID',
  options: MAKE_OPTIONS,
  examples: ['oci create --bundle /srv/web --pid-file /run/web.pid web'],
  args: [1, 1],
  run: async (context) => {
    const { create } = await import('../../oci/index.ts');
    await create(runtimeOf(context), await optionsOf(context));
    return 0;
  },
};

/** `mydocker oci run`. */
export const ociRun: Command = {
  name: 'oci run',
  summary: 'Create and start a container from an OCI bundle, and remove it when it ends',
  usage: 'ID',
  options: [
    ...MAKE_OPTIONS,
    { name: 'detach', short: 'd', help: 'do not wait for its end; remove it with delete' },
    { name: 'keep', help: 'accepted by runc; here a container that ended is always removed', hidden: true },
    { name: 'no-subreaper', help: 'without effect: nothing is reaped here', hidden: true },
  ],
  examples: ['oci run --bundle /srv/web web', 'oci run -d -b /srv/web web'],
  args: [1, 1],
  run: async (context) => {
    const { run } = await import('../../oci/index.ts');
    const detach = context.flags.bool('detach');
    const { ownTerminal } = await import('./own-terminal.ts');
    const runtime = { ...runtimeOf(context), ownTerminal };
    const foreground = await run(runtime, await optionsOf(context), detach);
    if (detach) return 0;
    const off = onSignals((signal) => foreground.signal(signal));
    try {
      return await foreground.exit;
    } finally {
      off();
    }
  },
};
