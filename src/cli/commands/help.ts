import { badInput } from '../../base/errors.ts';
import { commandHelp, overview } from '../help.ts';
import { nearest } from '../nearest.ts';
import { print } from '../out.ts';
import { COMMANDS } from '../registry.ts';
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
    print(overview(await Promise.all(Object.values(COMMANDS).map((load) => load()))));
    return 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) {
    const near = nearest(name, Object.keys(COMMANDS));
    const hint = near === undefined ? '' : `did you mean "${near}"? `;
    throw badInput(`unknown command "${name}"`, { subject: name, remedy: `${hint}see: mydocker help` });
  }
  print(commandHelp(await load()));
  return 0;
}
