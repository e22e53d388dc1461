import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker version`. */
export const version: Command = {
  name: 'version',
  summary: 'Print the versions of the program and its parts',
  usage: '',
  options: [
    {
      name: 'format',
      short: 'f',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Version}}',
    },
  ],
  examples: ['version', "version --format '{{.Version}}'"],
  args: [0, 0],
  needsRoot: false,
  run: showVersion,
};

async function showVersion(context: Context): Promise<number> {
  const facts = (await context.engine()).version();
  const format = context.flags.string('format');
  if (format !== undefined) print(formatRows(format, [{ fields: facts }]));
  else for (const [key, value] of Object.entries(facts)) print(`${key}: ${value}`);
  return 0;
}
