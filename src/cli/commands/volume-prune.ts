import { confirm } from '../confirm.ts';
import { humanSize } from '../format.ts';
import { print } from '../out.ts';
import type { Command } from '../spec.ts';

/** `mydocker volume prune`. */
export const volumePrune: Command = {
  name: 'volume prune',
  summary: 'Remove volumes that no container has',
  usage: '',
  options: [
    { name: 'all', short: 'a', help: 'those with a name too' },
    { name: 'force', short: 'f', help: 'ask nothing' },
    {
      name: 'filter',
      value: 'list',
      placeholder: 'K=V',
      help: 'label=KEY[=VALUE], label!=KEY[=VALUE]',
    },
  ],
  examples: ['volume prune', 'volume prune -a -f --filter label=project=web'],
  args: [0, 0],
  run: async ({ flags, engine }) => {
    const all = flags.bool('all');
    const what = `${all ? 'all' : 'anonymous local'} volumes not used by at least one container`;
    if (!flags.bool('force')) confirm([`WARNING! This will remove ${what}.`], 'volume prune');
    const volumes = await (await engine()).volumes();
    const pruned = await volumes.prune({ all, filters: flags.list('filter') });
    if (pruned.deleted.length > 0) print(['Deleted Volumes:', ...pruned.deleted, ''].join('\n'));
    print(`Total reclaimed space: ${humanSize(pruned.reclaimedBytes)}`);
    return 0;
  },
};
