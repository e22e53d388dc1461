import { FORCE, runPrune } from '../prune-frame.ts';
import type { Command } from '../spec.ts';

/** `mydocker volume prune`. */
export const volumePrune: Command = {
  name: 'volume prune',
  summary: 'Remove volumes that no container has',
  usage: '',
  options: [
    { name: 'all', short: 'a', help: 'those with a name too' },
    FORCE,
    {
      name: 'filter',
      value: 'list',
      placeholder: 'K=V',
      help: 'label=KEY[=VALUE], label!=KEY[=VALUE]',
    },
  ],
  examples: ['volume prune', 'volume prune -a -f --filter label=project=web'],
  args: [0, 0],
  run: (context) => {
    const all = context.flags.bool('all');
    const filters = context.flags.list('filter');
    const what = `${all ? 'all' : 'anonymous local'} volumes not used by at least one container`;
    return runPrune(
      context,
      'volume prune',
      [`WARNING! This will remove ${what}.`],
      async function* (engine) {
        const { deleted, reclaimedBytes } = await (await engine.volumes()).prune({ all, filters });
        yield { heading: 'Deleted Volumes:', lines: deleted, reclaimedBytes };
      },
    );
  },
};
