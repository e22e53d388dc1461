import { print } from '../out.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { table } from '../table.ts';

/** `mydocker top`: the processes of a container as the host sees them. */
export const top: Command = {
  name: 'top',
  summary: 'Show the processes of a container',
  usage: 'CONTAINER [PS OPTIONS]',
  options: [],
  examples: ['top bird', 'top bird -o pid,rss,args', 'top web aux'],
  args: [1, MANY],
  passThrough: true,
  run: showProcesses,
};

async function showProcesses(context: Context): Promise<number> {
  const [ref = '', ...psArguments] = context.args;
  const { containers } = await context.engine();
  const { titles, processes } = await containers.top(ref, psArguments);
  print(table([titles, ...processes]));
  return 0;
}
