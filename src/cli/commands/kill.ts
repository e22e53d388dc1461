import { checkSignal } from '../signals.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';

/** `mydocker kill`: send a signal, wait for nothing. */
export const kill: Command = {
  name: 'kill',
  summary: 'Send a signal to running containers',
  usage: 'CONTAINER [CONTAINER…]',
  options: [
    {
      name: 'signal',
      short: 's',
      value: 'string',
      placeholder: 'SIGNAL',
      help: 'name or number (default SIGKILL)',
    },
  ],
  examples: ['kill bird', 'kill -s HUP web'],
  args: [1, MANY],
  run: killContainers,
};

async function killContainers(context: Context): Promise<number> {
  const text = context.flags.string('signal');
  const signal = text === undefined ? undefined : checkSignal('--signal', text);
  const engine = await context.engine();
  return eachTarget(context, async (ref) => {
    await engine.containers.kill(ref, signal);
    return ref;
  });
}
