import { badInput } from '../../base/errors.ts';
import { EGRESS_UPDATE_OPTIONS, egressChangeFromFlags } from '../egress-options.ts';
import { LIMIT_OPTIONS } from '../limit-options.ts';
import { print } from '../out.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';
import { changesFromFlags } from '../update-options.ts';

/** `mydocker update`: other limits for containers, and another egress list, running or not. */
export const update: Command = {
  name: 'update',
  summary: 'Change the limits of containers and what they may reach, running or not',
  usage: 'CONTAINER [CONTAINER…]',
  options: [...LIMIT_OPTIONS.filter(({ name }) => name !== 'cgroup-parent'), ...EGRESS_UPDATE_OPTIONS],
  examples: [
    'update -m 128m bird',
    'update --cpus 1.5 --pids-limit 100 web db',
    'update --memory-swap -1 -m 1g bird',
    'update -m -1 --pids-limit -1 bird',
    'update --egress allow=example.com,10.0.0.0/8 bird',
    'update --egress-add "*.example.org" --egress-rm example.com bird',
  ],
  args: [1, MANY],
  run: updateContainers,
};

async function updateContainers(context: Context): Promise<number> {
  const changes = changesFromFlags(context.flags);
  const egress = egressChangeFromFlags(context.flags);
  const isLimit = Object.keys(changes).length > 0;
  if (!isLimit && egress === undefined)
    throw badInput('update needs something to change', {
      remedy: 'give one or more, for example: mydocker update -m 128m NAME',
    });
  const { containers } = await context.engine();
  return eachTarget(context, async (ref) => {
    if (isLimit) await containers.update(ref, changes);
    if (egress !== undefined) await containers.updateEgress(ref, egress);
    print(ref);
  });
}
