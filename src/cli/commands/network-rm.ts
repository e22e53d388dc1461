import { MydockerError } from '../../base/errors.ts';
import { print } from '../out.ts';
import { type Command, MANY } from '../spec.ts';
import { eachInTurn } from '../targets.ts';

/** `mydocker network rm`. */
export const networkRm: Command = {
  name: 'network rm',
  summary: 'Remove networks that no container is in',
  usage: 'NETWORK [NETWORK…]',
  options: [{ name: 'force', short: 'f', help: 'no error for one that is not there' }],
  examples: ['network rm web', 'network rm -f front back'],
  args: [1, MANY],
  run: async (context) => {
    const networks = await (await context.engine()).networks();
    return eachInTurn(context, async (ref) => {
      try {
        await networks.remove(ref);
        print(ref);
      } catch (error) {
        const isGone = error instanceof MydockerError && error.code === 'NO_SUCH_NETWORK';
        if (!isGone || !context.flags.bool('force')) throw error;
      }
    });
  },
};
