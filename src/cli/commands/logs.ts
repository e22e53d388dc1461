import type { LogOptions } from '../../engine/types.ts';
import { write, writeError } from '../out.ts';
import type { Flags } from '../parse.ts';
import type { Command, Context } from '../spec.ts';
import { parseCount, parseSince } from '../values.ts';

/** `mydocker logs`: what the program wrote, each stream on its own. */
export const logs: Command = {
  name: 'logs',
  summary: 'Show what a container wrote: the last 30 MB of it',
  usage: 'CONTAINER',
  options: [
    { name: 'follow', short: 'f', help: 'go on until the container ends' },
    {
      name: 'tail',
      short: 'n',
      value: 'string',
      placeholder: 'N',
      help: 'only the last N entries (default all)',
    },
    {
      name: 'since',
      value: 'string',
      placeholder: 'TIME',
      help: 'only what is newer: 10m, 2026-01-31T08:00:00Z, Unix seconds',
    },
    { name: 'timestamps', short: 't', help: 'put the time before each entry' },
  ],
  examples: ['logs bird', 'logs -f --tail 20 bird', 'logs --since 10m -t bird'],
  args: [1, 1],
  run: showLogs,
};

function optionsOf(flags: Flags): LogOptions {
  const tailText = flags.string('tail');
  const tail = tailText === undefined ? undefined : parseCount('--tail', tailText);
  const since = flags.string('since');
  return {
    follow: flags.bool('follow'),
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { sinceMs: parseSince('--since', since, Date.now()) }),
  };
}

async function showLogs(context: Context): Promise<number> {
  const options = optionsOf(context.flags);
  const withTime = context.flags.bool('timestamps');
  const engine = await context.engine();
  for await (const entry of engine.containers.logs(context.args[0] ?? '', options)) {
    const text = withTime ? `${entry.time} ${entry.text}` : entry.text;
    if (entry.stream === 'stderr') writeError(text);
    else write(text);
  }
  return 0;
}
