import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';

/** `mydocker pause`: every process stands still where it is. */
export const pause: Command = {
  name: 'pause',
  summary: 'Stop all processes of containers where they stand',
  usage: 'CONTAINER [CONTAINER…]',
  options: [],
  examples: ['pause bird', 'pause web db'],
  args: [1, MANY],
  run: pauseContainers,
};

/** `mydocker unpause`: they go on. */
export const unpause: Command = {
  name: 'unpause',
  summary: 'Let paused containers go on',
  usage: 'CONTAINER [CONTAINER…]',
  options: [],
  examples: ['unpause bird', 'unpause web db'],
  args: [1, MANY],
  run: unpauseContainers,
};

async function pauseContainers(context: Context): Promise<number> {
  const { containers } = await context.engine();
  return eachTarget(context, async (ref) => {
    await containers.pause(ref);
    return ref;
  });
}

async function unpauseContainers(context: Context): Promise<number> {
  const { containers } = await context.engine();
  return eachTarget(context, async (ref) => {
    await containers.unpause(ref);
    return ref;
  });
}
