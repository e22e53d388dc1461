import { print } from '../out.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachInTurn } from '../targets.ts';

/** `mydocker rmi`. */
export const rmi: Command = {
  name: 'rmi',
  summary: 'Remove images',
  usage: 'IMAGE [IMAGE…]',
  options: [
    { name: 'force', short: 'f', help: 'all names of an id; the names of an image that containers use' },
    { name: 'no-prune', help: 'accepted for Docker: no image has a parent here', hidden: true },
  ],
  examples: ['rmi my-image:v1', 'rmi -f 0123456789ab'],
  args: [1, MANY],
  run: removeImages,
};

async function removeImages(context: Context): Promise<number> {
  const force = context.flags.bool('force');
  const engine = await context.engine();
  return eachInTurn(context, async (ref) => {
    const { untagged, deleted } = await engine.images.remove(ref, { force });
    for (const name of untagged) print(`Untagged: ${name}`);
    for (const id of deleted) print(`Deleted: ${id}`);
  });
}
