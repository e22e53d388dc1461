import { print } from '../out.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';

/** `mydocker rmi`. */
export const rmi: Command = {
  name: 'rmi',
  summary: 'Remove images',
  usage: 'IMAGE [IMAGE…]',
  options: [{ name: 'force', short: 'f', help: 'also when stopped containers were made of it' }],
  examples: ['rmi my-image:v1'],
  args: [1, MANY],
  run: removeImages,
};

async function removeImages(context: Context): Promise<number> {
  const force = context.flags.bool('force');
  const engine = await context.engine();
  return eachTarget(context, async (ref) => {
    const { untagged, deleted } = await engine.images.remove(ref, { force });
    for (const name of untagged) print(`Untagged: ${name}`);
    for (const id of deleted) print(`Deleted: ${id}`);
  });
}
