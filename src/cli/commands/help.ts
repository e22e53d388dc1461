import { badInput } from '../../base/errors.ts';
import { GROUPS } from '../groups.ts';
import { commandHelp, groupOverview, overview } from '../help.ts';
import { nearest } from '../nearest.ts';
import { print } from '../out.ts';
import { everyCommand, load, NAMES } from '../registry.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker help [COMMAND]`. */
export const help: Command = {
  name: 'help',
  summary: 'Show all commands, or one in detail',
  usage: '[COMMAND | GROUP]',
  options: [],
  examples: ['help', 'help run', 'help network'],
  args: [0, 2],
  needsRoot: false,
  run: showHelp,
};

/** What a group has: "network create", and words of Docker's that stand for another command of ours. */
async function groupHelp(name: string): Promise<string> {
  const rows = Object.entries(GROUPS[name] ?? {}).map(
    async ([word, [target = '']]): Promise<[string, string]> => {
      const same = target === `${name} ${word}` || target === word;
      return [word, same ? ((await load(target))?.summary ?? '') : `The same as mydocker ${target}`];
    },
  );
  return groupOverview(name, await Promise.all(rows));
}

async function showHelp(context: Context): Promise<number> {
  const name = context.args.join(' ');
  if (name === '') {
    print(overview(await everyCommand()));
    return 0;
  }
  if (Object.hasOwn(GROUPS, name)) {
    print(await groupHelp(name));
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
