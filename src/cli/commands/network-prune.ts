import { confirm } from '../confirm.ts';
import { print } from '../out.ts';
import type { Command } from '../spec.ts';

/** `mydocker network prune`. */
export const networkPrune: Command = {
  name: 'network prune',
  summary: 'Remove networks that no container is in',
  usage: '',
  options: [
    { name: 'force', short: 'f', help: 'ask nothing' },
    {
      name: 'filter',
      value: 'list',
      placeholder: 'K=V',
      help: 'label=KEY[=VALUE], label!=KEY[=VALUE], until=24h',
    },
  ],
  examples: ['network prune', 'network prune -f --filter until=24h'],
  args: [0, 0],
  run: async ({ flags, engine }) => {
    const what = 'WARNING! This will remove all networks that no container, running or not, is in.';
    if (!flags.bool('force')) confirm([what], 'network prune');
    const networks = await (await engine()).networks();
    const deleted = await networks.prune({ filters: flags.list('filter') });
    if (deleted.length > 0) print(['Deleted Networks:', ...deleted].join('\n'));
    return 0;
  },
};
