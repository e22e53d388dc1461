/** `oci state`, `list`, `ps`, `spec`, `features`, `events`. */
import { badInput } from '../../base/index.ts';
import { print } from '../out.ts';
import type { Command, Context } from '../spec.ts';
import { MANY } from '../spec.ts';
import { table } from '../table.ts';
import { runtimeOf } from './runtime.ts';

/** `mydocker oci state`. */
export const ociState: Command = {
  name: 'oci state',
  summary: 'Show the state of a container as JSON',
  usage: 'ID',
  options: [],
  examples: ['oci state web'],
  args: [1, 1],
  run: async (context) => {
    const { state } = await import('../../oci/index.ts');
    print(JSON.stringify(state(runtimeOf(context), context.args[0] ?? ''), null, 2));
    return 0;
  },
};

function formatOf(context: Context): 'table' | 'json' {
  const format = context.flags.string('format') ?? 'table';
  if (format === 'table' || format === 'json') return format;
  throw badInput(`--format "${format}" is not known`, { subject: format, remedy: 'give table or json' });
}

const FORMAT = {
  name: 'format',
  short: 'f',
  value: 'string',
  placeholder: 'FORMAT',
  help: 'table or json (default table)',
} as const;

/** `mydocker oci list`. */
export const ociList: Command = {
  name: 'oci list',
  summary: 'List the containers of the root',
  usage: '',
  options: [FORMAT, { name: 'quiet', short: 'q', help: 'ids only' }],
  examples: ['oci list', 'oci list --format json'],
  args: [0, 0],
  run: async (context) => {
    const { list } = await import('../../oci/index.ts');
    const all = list(runtimeOf(context));
    if (context.flags.bool('quiet')) for (const { id } of all) print(id);
    else if (formatOf(context) === 'json') print(JSON.stringify(all));
    else {
      const rows = all.map((s) => [s.id, String(s.pid), s.status, s.bundle, s.created, s.owner]);
      print(table([['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER'], ...rows]));
    }
    return 0;
  },
};

/** The lines of ps(1) that are about these processes, with its heading. */
async function psLines(pids: readonly number[], args: readonly string[]): Promise<string[]> {
  const { spawnSync } = await import('node:child_process');
  const result = spawnSync('ps', args.length === 0 ? ['-ef'] : [...args], { encoding: 'utf8' });
  if (result.error !== undefined || result.status !== 0)
    throw badInput(`ps(1) failed: ${result.error?.message ?? result.stderr.trim()}`, {
      remedy: 'install procps, or use --format json',
    });
  const [heading = '', ...lines] = result.stdout.trimEnd().split('\n');
  const column = heading.trim().split(/\s+/).indexOf('PID');
  if (column < 0)
    throw badInput('ps(1) shows no column PID', { remedy: 'give options that make it show one' });
  const wanted = new Set(pids.map(String));
  return [heading, ...lines.filter((line) => wanted.has(line.trim().split(/\s+/)[column] ?? ''))];
}

/** `mydocker oci ps`. */
export const ociPs: Command = {
  name: 'oci ps',
  summary: 'List the processes of a container, by the host’s numbers',
  usage: 'ID [PS-OPTION…]',
  options: [FORMAT],
  examples: ['oci ps web', 'oci ps --format json web'],
  args: [1, MANY],
  passThrough: true,
  run: async (context) => {
    const { processIds } = await import('../../oci/index.ts');
    const [id = '', ...args] = context.args;
    const pids = processIds(runtimeOf(context), id);
    if (formatOf(context) === 'json') print(JSON.stringify(pids));
    else for (const line of await psLines(pids, args)) print(line);
    return 0;
  },
};

/** `mydocker oci spec`. */
export const ociSpec: Command = {
  name: 'oci spec',
  summary: 'Write a config.json to start from',
  usage: '',
  options: [
    {
      name: 'bundle',
      short: 'b',
      value: 'string',
      placeholder: 'DIR',
      help: 'where to write it (default: the working directory)',
    },
    { name: 'rootless', help: 'without effect: only root can use this runtime', hidden: true },
  ],
  examples: ['oci spec', 'oci spec --bundle /srv/web'],
  args: [0, 0],
  needsRoot: false,
  run: async (context) => {
    const { writeFileSync } = await import('node:fs');
    const { defaultSpec, ociError } = await import('../../oci/index.ts');
    const { errnoOf } = await import('../../base/index.ts');
    const file = `${context.flags.string('bundle') ?? '.'}/config.json`;
    try {
      writeFileSync(file, `${JSON.stringify(defaultSpec(), null, 2)}\n`, { flag: 'wx' });
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const why = errno === 'EEXIST' ? 'there is one already' : errno;
      throw ociError('OCI_SPEC', `cannot write ${file}: ${why}`, {
        subject: file,
        remedy: 'move it away first',
      });
    }
    return 0;
  },
};

/** `mydocker oci features`. */
export const ociFeatures: Command = {
  name: 'oci features',
  summary: 'Show what this runtime supports, as JSON',
  usage: '',
  options: [],
  examples: ['oci features'],
  args: [0, 0],
  needsRoot: false,
  run: async () => {
    const { features } = await import('../../oci/index.ts');
    const { versionInfo } = await import('../../engine/index.ts');
    print(JSON.stringify(features(versionInfo().Version ?? ''), null, 2));
    return 0;
  },
};

/** `mydocker oci events`. */
export const ociEvents: Command = {
  name: 'oci events',
  summary: 'Show what a container uses, as JSON, a line each time',
  usage: 'ID',
  options: [
    { name: 'stats', help: 'once, and end' },
    { name: 'interval', value: 'string', placeholder: 'TIME', help: 'how often, as 5s (default 5s)' },
  ],
  examples: ['oci events --stats web', 'oci events --interval 1s web'],
  args: [1, 1],
  run: async (context) => {
    const { events } = await import('../../oci/index.ts');
    const id = context.args[0] ?? '';
    const text = context.flags.string('interval') ?? '5s';
    const [, amount, unit = 's'] = /^(\d+)(ms|s|m)?$/.exec(text) ?? [];
    const ms = Number(amount) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? Number.NaN);
    if (!(ms >= 1))
      throw badInput(`--interval "${text}" is no time`, { subject: text, remedy: 'give one as 5s' });
    for (;;) {
      print(JSON.stringify(events(runtimeOf(context), id)));
      if (context.flags.bool('stats')) return 0;
      await new Promise((resolve) => setTimeout(resolve, ms));
    }
  },
};
