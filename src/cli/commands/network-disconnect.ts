import type { Command } from '../spec.ts';

/** `mydocker network disconnect`. */
export const networkDisconnect: Command = {
  name: 'network disconnect',
  summary: 'Take a container out of a network, running or not',
  usage: 'NETWORK CONTAINER',
  options: [{ name: 'force', short: 'f', help: 'no error when it is not in it' }],
  examples: ['network disconnect back web', 'network disconnect -f back web'],
  args: [2, 2],
  run: async ({ flags, args, engine }) => {
    const [network = '', container = ''] = args;
    const networks = await (await engine()).networks();
    await networks.disconnect(network, container, { force: flags.bool('force') });
    return 0;
  },
};
