import { badInput } from '../../base/errors.ts';
import type { PortChanges, PublishSpec } from '../../engine/types.ts';
import { EGRESS_UPDATE_OPTIONS, egressChangeFromFlags } from '../egress-options.ts';
import { LIMIT_OPTIONS } from '../limit-options.ts';
import type { Flags } from '../parse.ts';
import { parsePublish } from '../ports.ts';
import { type Command, type Context, MANY, type OptionSpec } from '../spec.ts';
import { eachTarget } from '../targets.ts';
import { changesFromFlags } from '../update-options.ts';

const PORT_OPTIONS: readonly OptionSpec[] = [
  {
    name: 'publish-add',
    value: 'list',
    placeholder: '[IP:][HOST:]PORT',
    help: 'publish one more port, as with run -p',
  },
  {
    name: 'publish-rm',
    value: 'list',
    placeholder: '[IP:][HOST:]PORT',
    help: 'publish a port no longer; what is left out fits all',
  },
];

/** The ports to change; undefined: none. */
function portsFromFlags(flags: Flags): PortChanges | undefined {
  const list = (name: string): PublishSpec[] =>
    flags.list(name).map((text) => parsePublish(flags.spelling(name), text));
  const changes = { add: list('publish-add'), remove: list('publish-rm') };
  return changes.add.length + changes.remove.length === 0 ? undefined : changes;
}

/** `mydocker update`: other limits for containers, other published ports and another egress list, running or not. */
export const update: Command = {
  name: 'update',
  summary: 'Change limits, published ports and egress lists of containers, running or not',
  usage: 'CONTAINER [CONTAINER…]',
  options: [
    ...LIMIT_OPTIONS.filter(({ name }) => name !== 'cgroup-parent'),
    ...PORT_OPTIONS,
    ...EGRESS_UPDATE_OPTIONS,
  ],
  examples: [
    'update -m 128m bird',
    'update --cpus 1.5 --pids-limit 100 web db',
    'update --memory-swap -1 -m 1g bird',
    'update -m -1 --pids-limit -1 bird',
    'update --egress allow=example.com,10.0.0.0/8 bird',
    'update --egress-add "*.example.org" --egress-rm example.com bird',
    'update --publish-add 8080:80 --publish-rm 8081:80 web',
  ],
  args: [1, MANY],
  run: updateContainers,
};

async function updateContainers(context: Context): Promise<number> {
  const changes = changesFromFlags(context.flags);
  const ports = portsFromFlags(context.flags);
  const egress = egressChangeFromFlags(context.flags);
  const isLimit = Object.keys(changes).length > 0;
  if (!isLimit && ports === undefined && egress === undefined)
    throw badInput('update needs something to change', {
      remedy: 'give one or more, for example: mydocker update -m 128m NAME',
    });
  const { containers } = await context.engine();
  return eachTarget(context, async (ref) => {
    if (ports !== undefined) await containers.updatePorts(ref, ports);
    if (isLimit) await containers.update(ref, changes);
    if (egress !== undefined) await containers.updateEgress(ref, egress);
    return ref;
  });
}
