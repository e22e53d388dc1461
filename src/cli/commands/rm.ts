import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';

/** `mydocker rm`: the container and its writes; of what is mounted into it only volumes without a name, with -v. */
export const rm: Command = {
  name: 'rm',
  summary: 'Remove containers',
  usage: 'CONTAINER [CONTAINER…]',
  options: [
    { name: 'force', short: 'f', help: 'kill a running container first' },
    { name: 'volumes', short: 'v', help: 'its volumes without a name too' },
  ],
  examples: ['rm bird', 'rm -f web db'],
  args: [1, MANY],
  run: removeContainers,
};

async function removeContainers(context: Context): Promise<number> {
  const force = context.flags.bool('force');
  const volumes = context.flags.bool('volumes');
  const engine = await context.engine();
  return eachTarget(context, async (ref) => {
    await engine.containers.remove(ref, { force, volumes });
    return ref;
  });
}
