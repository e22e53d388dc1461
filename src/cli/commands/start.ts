import { badInput } from '../../base/errors.ts';
import type { Running } from '../../engine/types.ts';
import { type Attached, follow, howWithoutTty } from '../drive.ts';
import { warn } from '../out.ts';
import { DETACH_KEYS } from '../process-options.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { eachTarget } from '../targets.ts';

/** `mydocker start`: a created or stopped container runs again, with its writes. */
export const start: Command = {
  name: 'start',
  summary: 'Start stopped or created containers',
  usage: 'CONTAINER [CONTAINER…]',
  options: [
    {
      name: 'attach',
      short: 'a',
      help: 'show the output and pass signals on; exit with its code (one container)',
    },
    { name: 'interactive', short: 'i', help: 'pass standard input on as well' },
    DETACH_KEYS,
  ],
  examples: ['start bird', 'start -a job', 'start -ai box'],
  args: [1, MANY],
  run: startContainers,
};

async function startContainers(context: Context): Promise<number> {
  const { flags } = context;
  if (flags.bool('attach') || flags.bool('interactive')) return startAttached(context);
  const engine = await context.engine();
  return eachTarget(context, async (ref) => {
    const running = await engine.containers.start(ref, 'detached');
    for (const note of running.notes) warn(note);
    return ref;
  });
}

async function startAttached(context: Context): Promise<number> {
  const [ref = '', second] = context.args;
  if (second !== undefined) {
    throw badInput('start -a and -i take one container', { remedy: 'start the others without -a' });
  }
  const engine = await context.engine();
  const { tty, stdin } = (await engine.containers.inspect(ref)).config;
  const interactive = stdin && context.flags.bool('interactive');
  // Without -i nothing is read here, and the program's standard input stays open: only a session can do that.
  const how = tty || (stdin && !interactive) ? 'session' : howWithoutTty(interactive);
  const attached = { how, tty, stdin: interactive, detachKeys: context.flags.string('detach-keys') } as const;
  return follow(
    engine.containers.start(ref, how).then((running) => whole(running, attached)),
    attached,
  );
}

/** A program that ran already comes with a session, whatever was asked for. */
function whole(running: Running, attached: Attached): Running {
  const { session } = running;
  if (session === undefined || attached.how === 'session') return running;
  const driven = async (): Promise<number> => {
    const { driveSession } = await import('../terminal.ts');
    return (await driveSession(session, attached)) ?? 0;
  };
  // driveSession passes signals on.
  return { ...running, exit: driven(), signal: () => {} };
}
