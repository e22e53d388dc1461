import { networkRow } from '../network-rows.ts';
import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command } from '../spec.ts';
import { table } from '../table.ts';

/** `mydocker network ls`. */
export const networkLs: Command = {
  name: 'network ls',
  summary: 'List the networks',
  usage: '',
  options: [
    { name: 'quiet', short: 'q', help: 'only the ids' },
    { name: 'no-trunc', help: 'ids in full' },
    {
      name: 'filter',
      short: 'f',
      value: 'list',
      placeholder: 'K=V',
      help: 'dangling=true, driver=, id=, label=, label!=, name=, scope=, type=custom|builtin',
    },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.Name}}',
    },
  ],
  examples: [
    'network ls',
    'network ls -q --filter type=custom',
    "network ls --format '{{.Name}} {{.Subnet}}'",
  ],
  args: [0, 0],
  run: async ({ flags, engine }) => {
    const networks = await (await engine()).networks();
    const list = await networks.list({ filters: flags.list('filter') });
    const rows = list.map((network) => networkRow(network, flags.bool('no-trunc')));
    const format = flags.format();
    if (flags.bool('quiet')) {
      for (const { fields } of rows) print(String(fields.ID));
    } else if (format !== undefined) {
      const text = formatRows(format, rows, { ID: 'NETWORK ID' });
      if (text !== '') print(text);
    } else {
      const cells = rows.map(({ fields: f }) => [f.ID, f.Name, f.Driver, f.Scope, f.Subnet].map(String));
      print(table([['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE', 'SUBNET'], ...cells]));
    }
    return 0;
  },
};
