import { badInput } from '../../base/errors.ts';
import { bash, fish, zsh } from '../completions.ts';
import { print } from '../out.ts';
import { everyCommand } from '../registry.ts';
import type { Command, Context } from '../spec.ts';

const SHELLS = { bash, zsh, fish } as const;

/** `mydocker completion SHELL`: a script generated from the same data as the help. */
export const completion: Command = {
  name: 'completion',
  summary: 'Print a completion script for a shell',
  usage: 'bash|zsh|fish',
  options: [],
  examples: ['completion bash > /etc/bash_completion.d/mydocker', 'completion fish | source'],
  args: [1, 1],
  needsRoot: false,
  run: printCompletion,
};

async function printCompletion(context: Context): Promise<number> {
  const [shell = ''] = context.args;
  const make = Object.hasOwn(SHELLS, shell) ? SHELLS[shell as keyof typeof SHELLS] : undefined;
  if (make === undefined) {
    throw badInput(`there is no completion for "${shell}"`, {
      subject: shell,
      remedy: 'give bash, zsh or fish',
    });
  }
  print(make(await everyCommand()));
  return 0;
}
