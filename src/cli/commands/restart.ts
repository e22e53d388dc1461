import { warn } from '../out.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';
import { parseSeconds } from '../values.ts';

/** `mydocker restart`: stop, then start. */
export const restart: Command = {
  name: 'restart',
  summary: 'Stop containers and start them again',
  usage: 'CONTAINER [CONTAINER…]',
  options: [
    {
      name: 'time',
      short: 't',
      also: ['timeout'],
      value: 'string',
      placeholder: 'SECONDS',
      help: 'seconds to wait before SIGKILL; -1: for ever (default: the container says, else 10)',
    },
  ],
  examples: ['restart bird', 'restart -t 2 web'],
  args: [1, MANY],
  run: restartContainers,
};

async function restartContainers(context: Context): Promise<number> {
  const time = context.flags.string('time');
  const options = time === undefined ? {} : { timeoutS: parseSeconds('--time', time, true) };
  const engine = await context.engine();
  return eachTarget(context, async (ref) => {
    const { note } = await engine.containers.restart(ref, options);
    if (note !== undefined) warn(note);
    return ref;
  });
}
