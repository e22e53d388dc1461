import { confirm } from '../confirm.ts';
import { humanSize } from '../format.ts';
import { print } from '../out.ts';
import type { Command, Context } from '../spec.ts';
import { printPruned } from './image-prune.ts';

const FORCE = { name: 'force', short: 'f', help: 'ask nothing' } as const;

/** `mydocker container prune`. */
export const containerPrune: Command = {
  name: 'container prune',
  summary: 'Remove all containers that do not run',
  usage: '',
  options: [FORCE],
  examples: ['container prune', 'container prune -f'],
  args: [0, 0],
  run: async (context) => {
    if (!context.flags.bool('force'))
      confirm(['WARNING! This will remove all stopped containers.'], 'container prune');
    print(`Total reclaimed space: ${humanSize(await pruneContainers(context))}`);
    return 0;
  },
};

/** `mydocker system prune`. */
export const systemPrune: Command = {
  name: 'system prune',
  summary: 'Remove stopped containers and unused images, and what interrupted commands left',
  usage: '',
  options: [
    { name: 'all', short: 'a', help: 'every image that no container uses, not only those without a tag' },
    FORCE,
  ],
  examples: ['system prune', 'system prune -a -f'],
  args: [0, 0],
  run: async (context) => {
    const all = context.flags.bool('all');
    if (!context.flags.bool('force')) {
      const images = all
        ? 'all images without at least one container associated to them'
        : 'all dangling images';
      const warning = ['WARNING! This will remove:', '  - all stopped containers', `  - ${images}`, ''];
      confirm(warning, 'system prune');
    }
    const bytes = await pruneContainers(context);
    const engine = await context.engine();
    const pruned = await engine.images.prune({ all });
    printPruned(pruned);
    print(`Total reclaimed space: ${humanSize(bytes + pruned.reclaimedBytes)}`);
    return 0;
  },
};

async function pruneContainers(context: Context): Promise<number> {
  const engine = await context.engine();
  const { deleted, reclaimedBytes } = await engine.containers.prune();
  if (deleted.length > 0) print(['Deleted Containers:', ...deleted, ''].join('\n'));
  return reclaimedBytes;
}
