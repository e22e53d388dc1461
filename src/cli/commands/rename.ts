import type { Command, Context } from '../spec.ts';
import { parseName } from '../values.ts';

/** `mydocker rename`. */
export const rename: Command = {
  name: 'rename',
  summary: 'Give a container another name',
  usage: 'CONTAINER NAME',
  options: [],
  examples: ['rename bird eagle'],
  args: [2, 2],
  run: renameContainer,
};

async function renameContainer(context: Context): Promise<number> {
  const [ref = '', name = ''] = context.args;
  const checked = parseName('NAME', name);
  const engine = await context.engine();
  await engine.containers.rename(ref, checked);
  return 0;
}
