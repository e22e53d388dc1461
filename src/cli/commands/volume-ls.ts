import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command } from '../spec.ts';
import { table } from '../table.ts';
import { volumeRow } from '../volume-rows.ts';

/** `mydocker volume ls`. */
export const volumeLs: Command = {
  name: 'volume ls',
  summary: 'List the volumes',
  usage: '',
  options: [
    { name: 'quiet', short: 'q', help: 'only the names' },
    {
      name: 'filter',
      short: 'f',
      value: 'list',
      placeholder: 'K=V',
      help: 'dangling=true, name=, label=, label!=, driver=',
    },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Name}}',
    },
  ],
  examples: [
    'volume ls',
    'volume ls -q --filter dangling=true',
    "volume ls --format '{{.Name}} {{.Mountpoint}}'",
  ],
  args: [0, 0],
  run: async ({ flags, engine }) => {
    const volumes = await (await engine()).volumes();
    const list = await volumes.list({ filters: flags.list('filter') });
    const format = flags.format();
    if (flags.bool('quiet')) {
      for (const { name } of list) print(name);
    } else if (format !== undefined) {
      const text = formatRows(format, list.map(volumeRow));
      if (text !== '') print(text);
    } else {
      const rows = list.map(({ driver, name, users }) => [driver, name, String(users.length)]);
      print(table([['DRIVER', 'VOLUME NAME', 'CONTAINERS'], ...rows]));
    }
    return 0;
  },
};
