import { DETACH_KEYS } from '../process-options.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker attach`: a running container's streams on this terminal. */
export const attach: Command = {
  name: 'attach',
  summary: 'Connect this terminal to a running container',
  usage: 'CONTAINER',
  options: [{ name: 'no-stdin', help: 'do not pass standard input on' }, DETACH_KEYS],
  examples: ['attach box', 'attach --no-stdin bird'],
  args: [1, 1],
  run: attachToContainer,
};

async function attachToContainer(context: Context): Promise<number> {
  const [ref = ''] = context.args;
  const engine = await context.engine();
  const { tty, stdin } = (await engine.containers.inspect(ref)).config;
  const session = await engine.containers.attach(ref);
  const { driveSession } = await import('../terminal.ts');
  const code = await driveSession(session, {
    tty,
    stdin: stdin && !context.flags.bool('no-stdin'),
    detachKeys: context.flags.string('detach-keys'),
  });
  return code ?? 0;
}
