import type { Engine } from '../engine/index.ts';
import { confirm } from './confirm.ts';
import { humanSize } from './format.ts';
import { print, warn } from './out.ts';
import type { Context } from './spec.ts';

/** One kind of thing that was removed. */
export interface PrunedKind {
  /** "Deleted Volumes:". */
  heading: string;
  lines: readonly string[];
  reclaimedBytes: number;
  /** Why some of it was left alone. */
  remark?: string | undefined;
}

/** `--force` of every prune. */
export const FORCE = { name: 'force', short: 'f', help: 'ask nothing' } as const;

/** What every prune does: asks, unless --force; removes; lists what is gone, as Docker does, and the bytes. */
export async function runPrune(
  context: Context,
  name: string,
  warning: readonly string[],
  prune: (engine: Engine) => AsyncIterable<PrunedKind>,
): Promise<number> {
  if (!context.flags.bool('force')) confirm(warning, name);
  let bytes = 0;
  for await (const { heading, lines, reclaimedBytes, remark } of prune(await context.engine())) {
    if (lines.length > 0) print([heading, ...lines, ''].join('\n'));
    if (remark !== undefined) warn(remark);
    bytes += reclaimedBytes;
  }
  print(`Total reclaimed space: ${humanSize(bytes)}`);
  return 0;
}

/** Images, as `image prune` and `system prune` remove them. */
export async function pruneImages(
  engine: Engine,
  options: { all: boolean; filters?: readonly string[] },
): Promise<PrunedKind> {
  const { untagged, deleted, reclaimedBytes, isBusy } = await engine.images.prune(options);
  return {
    heading: 'Deleted Images:',
    lines: [...untagged.map((image) => `untagged: ${image}`), ...deleted.map((id) => `deleted: ${id}`)],
    reclaimedBytes,
    remark: isBusy
      ? 'another command is storing an image: unfinished things were left alone; prune again when it has ended'
      : undefined,
  };
}
