import { badInput } from '../../base/errors.ts';
import { commandHelp, overview } from '../help.ts';
import { nearest } from '../nearest.ts';
import { print } from '../out.ts';
import { everyCommand, load, NAMES } from '../registry.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker help [COMMAND]`. */
export const help: Command = {
  name: 'help',
  summary: 'Show all commands, or one in detail',
  usage: '[COMMAND]',
  options: [],
  examples: ['help', 'help run'],
  args: [0, 2],
  needsRoot: false,
  run: showHelp,
};

async function showHelp(context: Context): Promise<number> {
  const name = context.args.join(' ');
  if (name === '') {
    print(overview(await everyCommand()));
    return 0;
  }
  const command = await load(name);
  if (command === undefined) {
    const near = nearest(name, NAMES);
    const hint = near === undefined ? '' : `did you mean "${near}"? `;
    throw badInput(`unknown command "${name}"`, { subject: name, remedy: `${hint}see: mydocker help` });
  }
  print(commandHelp(command));
  return 0;
}
