import { oneLine, print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command } from '../spec.ts';

const LETTERS = { changed: 'C', added: 'A', deleted: 'D' } as const;

/** `mydocker diff`. */
export const diff: Command = {
  name: 'diff',
  summary: 'List what a container changed of its image',
  usage: 'CONTAINER',
  options: [
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Kind}} {{.Path}}',
    },
  ],
  examples: ['diff bird', 'diff --format json bird'],
  args: [1, 1],
  run: async ({ flags, args, engine }) => {
    const [container = ''] = args;
    const changes = await (await engine()).containers.diff(container);
    const format = flags.format();
    if (format === undefined) {
      for (const { path, kind } of changes) print(`${LETTERS[kind]} ${oneLine(path)}`);
      return 0;
    }
    const rows = changes.map(({ path, kind }) => ({
      fields: { Kind: LETTERS[kind], Path: path },
      labels: {},
    }));
    const text = formatRows(format, rows);
    if (text !== '') print(text);
    return 0;
  },
};
