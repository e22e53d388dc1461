import { confirm } from '../confirm.ts';
import { humanSize } from '../format.ts';
import { print, warn } from '../out.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker image prune`. */
export const imagePrune: Command = {
  name: 'image prune',
  summary: 'Remove images without a tag, and what interrupted commands left',
  usage: '',
  options: [
    { name: 'all', short: 'a', help: 'every image that no container uses' },
    { name: 'force', short: 'f', help: 'ask nothing' },
    {
      name: 'filter',
      value: 'list',
      placeholder: 'K=V',
      help: 'until=24h, label=KEY[=VALUE], label!=KEY[=VALUE]',
    },
  ],
  examples: ['image prune', 'image prune -a -f --filter until=24h'],
  args: [0, 0],
  run: pruneImages,
};

async function pruneImages(context: Context): Promise<number> {
  const { flags } = context;
  const all = flags.bool('all');
  const what = all ? 'all images without at least one container associated to them' : 'all dangling images';
  if (!flags.bool('force')) confirm([`WARNING! This will remove ${what}.`], 'image prune');
  const engine = await context.engine();
  const pruned = await engine.images.prune({ all, filters: flags.list('filter') });
  printPruned(pruned);
  print(`Total reclaimed space: ${humanSize(pruned.reclaimedBytes)}`);
  return 0;
}

/** What was removed, as Docker lists it. */
export function printPruned(pruned: { untagged: string[]; deleted: string[]; isBusy: boolean }): void {
  const lines = [
    ...pruned.untagged.map((name) => `untagged: ${name}`),
    ...pruned.deleted.map((id) => `deleted: ${id}`),
  ];
  if (lines.length > 0) print(['Deleted Images:', ...lines, ''].join('\n'));
  if (pruned.isBusy)
    warn(
      'another command is storing an image: unfinished things were left alone; prune again when it has ended',
    );
}
