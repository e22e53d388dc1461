import { warn } from '../out.ts';
import { checkSignal } from '../signals.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';
import { parseSeconds } from '../values.ts';

/** `mydocker stop`: ask the program to end, then make it end; returns when it is gone. */
export const stop: Command = {
  name: 'stop',
  summary: 'Stop containers and wait until they have ended',
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
    {
      name: 'signal',
      short: 's',
      value: 'string',
      placeholder: 'SIGNAL',
      help: 'what to send first (default: the container says, else SIGTERM)',
    },
  ],
  examples: ['stop bird', 'stop -t 2 web db'],
  args: [1, MANY],
  run: stopContainers,
};

async function stopContainers(context: Context): Promise<number> {
  const time = context.flags.string('time');
  const signal = context.flags.string('signal');
  const options = {
    ...(time === undefined ? {} : { timeoutS: parseSeconds('--time', time, true) }),
    ...(signal === undefined ? {} : { signal: checkSignal('--signal', signal) }),
  };
  const engine = await context.engine();
  return eachTarget(context, async (ref) => {
    const { note } = await engine.containers.stop(ref, options);
    if (note !== undefined) warn(note);
    return ref;
  });
}
