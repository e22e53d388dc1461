import { FORCE, pruneImages, runPrune } from '../prune-frame.ts';
import type { Command } from '../spec.ts';

/** `mydocker image prune`. */
export const imagePrune: Command = {
  name: 'image prune',
  summary: 'Remove images without a tag, and what interrupted commands left',
  usage: '',
  options: [
    { name: 'all', short: 'a', help: 'every image that no container uses' },
    FORCE,
    {
      name: 'filter',
      value: 'list',
      placeholder: 'K=V',
      help: 'until=24h, label=KEY[=VALUE], label!=KEY[=VALUE]',
    },
  ],
  examples: ['image prune', 'image prune -a -f --filter until=24h'],
  args: [0, 0],
  run: (context) => {
    const all = context.flags.bool('all');
    const filters = context.flags.list('filter');
    const what = all ? 'all images without at least one container associated to them' : 'all dangling images';
    return runPrune(context, 'image prune', [`WARNING! This will remove ${what}.`], async function* (engine) {
      yield await pruneImages(engine, { all, filters });
    });
  },
};
