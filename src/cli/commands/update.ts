import { badInput } from '../../base/errors.ts';
import { LIMIT_OPTIONS } from '../limit-options.ts';
import { print } from '../out.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';
import { changesFromFlags } from '../update-options.ts';

/** `mydocker update`: other limits for containers, running or not. */
export const update: Command = {
  name: 'update',
  summary: 'Change the limits of containers, running or not',
  usage: 'CONTAINER [CONTAINER…]',
  options: LIMIT_OPTIONS.filter(({ name }) => name !== 'cgroup-parent'),
  examples: [
    'update -m 128m bird',
    'update --cpus 1.5 --pids-limit 100 web db',
    'update --memory-swap -1 -m 1g bird',
    'update -m -1 --pids-limit -1 bird',
  ],
  args: [1, MANY],
  run: updateContainers,
};

async function updateContainers(context: Context): Promise<number> {
  const changes = changesFromFlags(context.flags);
  if (Object.keys(changes).length === 0)
    throw badInput('update needs a limit to change', {
      remedy: 'give one or more, for example: mydocker update -m 128m NAME',
    });
  const { containers } = await context.engine();
  return eachTarget(context, async (ref) => {
    await containers.update(ref, changes);
    print(ref);
  });
}
