import { type Command, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';

/** `mydocker volume rm`. */
export const volumeRm: Command = {
  name: 'volume rm',
  summary: 'Remove volumes and all that is in them',
  usage: 'VOLUME [VOLUME…]',
  options: [{ name: 'force', short: 'f', help: 'no error for one that is not there' }],
  examples: ['volume rm data', 'volume rm -f data old'],
  args: [1, MANY],
  run: async (context) => {
    const volumes = await (await context.engine()).volumes();
    return eachTarget(context, async (name) => {
      await volumes.remove(name, { force: context.flags.bool('force') });
      return name;
    });
  },
};
