import type { ExecSpec } from '../../engine/types.ts';
import { follow, howFromFlags } from '../drive.ts';
import { becomeFront, canBecomeFront, FRONTED } from '../front.ts';
import { DETACH_KEYS, envFromFlags, PROCESS_OPTIONS } from '../process-options.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { parseWorkdir } from '../values.ts';

/** `mydocker exec`: one more program in a running container. */
export const exec: Command = {
  name: 'exec',
  summary: 'Run a program in a running container',
  usage: 'CONTAINER COMMAND [ARG…]',
  options: [
    { name: 'detach', short: 'd', help: 'run it in the background' },
    ...PROCESS_OPTIONS,
    DETACH_KEYS,
  ],
  examples: ['exec bird ps', 'exec -it bird sh', 'exec -e LANG=C -w /tmp bird ls -l'],
  args: [2, MANY],
  passThrough: true,
  run: execInContainer,
};

function specOf(context: Context): ExecSpec {
  const { flags } = context;
  const env = envFromFlags(flags);
  const workdir = flags.string('workdir');
  const user = flags.string('user');
  return {
    command: context.args.slice(1),
    tty: flags.bool('tty'),
    stdin: flags.bool('interactive'),
    ...(env.length > 0 ? { env } : {}),
    ...(workdir === undefined ? {} : { workdir: parseWorkdir('--workdir', workdir) }),
    ...(user === undefined ? {} : { user }),
  };
}

async function execInContainer(context: Context): Promise<number> {
  const { flags } = context;
  const how = howFromFlags(flags);
  const spec = specOf(context);
  const engine = await context.engine();
  const [container = ''] = context.args;
  if (how === 'inherit' && canBecomeFront(flags))
    return becomeFront(context, 'exec', await engine.containers.exec(container, spec, how, FRONTED));
  const starting = engine.containers.exec(container, spec, how);
  if (how === 'detached') {
    await starting;
    return 0;
  }
  const detachKeys = flags.string('detach-keys');
  return follow(starting, { how, tty: spec.tty === true, stdin: spec.stdin === true, detachKeys });
}
