import { badInput } from '../../base/errors.ts';
import { parseAlias } from '../network-options.ts';
import type { Command } from '../spec.ts';

/** `mydocker network connect`. */
export const networkConnect: Command = {
  name: 'network connect',
  summary: 'Plug a container into one more network, running or not',
  usage: 'NETWORK CONTAINER',
  options: [
    {
      name: 'ip',
      value: 'string',
      placeholder: 'ADDRESS',
      help: 'its IPv4 address in it (default: a free one)',
    },
    {
      name: 'ip6',
      value: 'string',
      placeholder: 'ADDRESS',
      help: 'its IPv6 address in it (default: a free one)',
    },
    {
      name: 'alias',
      value: 'list',
      placeholder: 'NAME',
      help: 'one more name for others in the network to find it by',
    },
  ],
  examples: ['network connect back web', 'network connect --ip 172.20.0.5 --alias db back web'],
  args: [2, 2],
  run: async ({ flags, args, engine }) => {
    const [network = '', container = ''] = args;
    if (network === '')
      throw badInput('network connect needs a network', { remedy: 'see: mydocker network ls' });
    const ip = flags.string('ip');
    const ip6 = flags.string('ip6');
    const aliases = flags.list('alias').map((text) => parseAlias('--alias', text));
    const networks = await (await engine()).networks();
    await networks.connect(network, container, {
      ...(ip === undefined ? {} : { ip }),
      ...(ip6 === undefined ? {} : { ip6 }),
      ...(aliases.length === 0 ? {} : { aliases }),
    });
    return 0;
  },
};
