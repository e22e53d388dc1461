import type { ContainerStats } from '../../engine/types.ts';
import { humanSize, memorySize, shortId } from '../format.ts';
import { print, write } from '../out.ts';
import { formatRows, type Row } from '../rows.ts';
import { type Command, type Context, MANY } from '../spec.ts';

/** `mydocker stats`: what containers use, again every second. */
export const stats: Command = {
  name: 'stats',
  summary: 'Show what containers use: CPU, memory, network, disk, processes',
  usage: '[CONTAINER…]',
  options: [
    { name: 'all', short: 'a', help: 'those that do not run, too (default: running ones)' },
    { name: 'no-stream', help: 'one round of figures, then end (default: again every second)' },
    { name: 'no-trunc', help: 'whole ids' },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Name}} {{.CPUPerc}} or table {{.Name}}\\t{{.MemUsage}}',
    },
  ],
  examples: ['stats', 'stats --no-stream bird', "stats --no-stream --format '{{.Name}} {{.MemUsage}}'"],
  args: [0, MANY],
  run: showStats,
};

/** Docker's columns and their headings. */
const HEADINGS: Readonly<Record<string, string>> = {
  ID: 'CONTAINER ID',
  Container: 'CONTAINER',
  Name: 'NAME',
  CPUPerc: 'CPU %',
  MemUsage: 'MEM USAGE / LIMIT',
  MemPerc: 'MEM %',
  NetIO: 'NET I/O',
  BlockIO: 'BLOCK I/O',
  PIDs: 'PIDS',
};
const COLUMNS = ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'];
const DEFAULT_FORMAT = `table ${COLUMNS.map((name) => `{{.${name}}}`).join('\t')}`;

function rowOf(row: ContainerStats, asked: string | undefined, whole: boolean): Row {
  const id = whole ? row.id : shortId(row.id);
  return {
    fields: {
      BlockIO: `${humanSize(row.blockReadBytes)} / ${humanSize(row.blockWriteBytes)}`,
      CPUPerc: `${row.cpuPercent.toFixed(2)}%`,
      Container: asked ?? id,
      ID: id,
      MemPerc: `${row.memoryPercent.toFixed(2)}%`,
      MemUsage: `${memorySize(row.memoryBytes)} / ${memorySize(row.memoryLimitBytes)}`,
      Name: row.name,
      NetIO: `${humanSize(row.networkRxBytes)} / ${humanSize(row.networkTxBytes)}`,
      PIDs: String(row.pids),
    },
  };
}

/** Over the last round, without a flicker: home, each line cleared behind its end, then what is below. */
function inPlace(text: string): string {
  return `\x1b[H${text.split('\n').join('\x1b[K\n')}\x1b[K\n\x1b[J`;
}

async function showStats(context: Context): Promise<number> {
  const { flags, args } = context;
  const format = flags.format() ?? DEFAULT_FORMAT;
  const once = flags.bool('no-stream');
  const whole = flags.bool('no-trunc');
  // Before the first figures are taken: a template that is wrong is told at once.
  formatRows(format, [], HEADINGS);
  const { containers } = await context.engine();
  const refresh = !once && process.stdout.isTTY === true;
  if (refresh) write('\x1b[2J');
  for await (const round of containers.stats(args, { once, all: flags.bool('all') })) {
    const rows = round.map((row, i) => rowOf(row, args[i], whole));
    const text = formatRows(format, rows, HEADINGS);
    if (refresh) write(inPlace(text));
    else if (text !== '') print(text);
  }
  return 0;
}
