import type { Engine } from '../../engine/index.ts';
import { FORCE, type PrunedKind, pruneImages, runPrune } from '../prune-frame.ts';
import type { Command } from '../spec.ts';

/** `mydocker container prune`. */
export const containerPrune: Command = {
  name: 'container prune',
  summary: 'Remove all containers that do not run',
  usage: '',
  options: [FORCE],
  examples: ['container prune', 'container prune -f'],
  args: [0, 0],
  run: (context) =>
    runPrune(
      context,
      'container prune',
      ['WARNING! This will remove all stopped containers.'],
      async function* (engine) {
        yield await pruneContainers(engine);
      },
    ),
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
  run: (context) => {
    const all = context.flags.bool('all');
    const images = all
      ? 'all images without at least one container associated to them'
      : 'all dangling images';
    const warning = ['WARNING! This will remove:', '  - all stopped containers', `  - ${images}`, ''];
    return runPrune(context, 'system prune', warning, async function* (engine) {
      yield await pruneContainers(engine);
      yield await pruneImages(engine, { all });
    });
  },
};

async function pruneContainers(engine: Engine): Promise<PrunedKind> {
  const { deleted, reclaimedBytes } = await engine.containers.prune();
  return { heading: 'Deleted Containers:', lines: deleted, reclaimedBytes };
}
