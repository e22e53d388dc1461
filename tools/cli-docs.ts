/** The text of docs/cli.md, from the command specs that also make `--help` and the completions. */

import { GROUPS } from '../src/cli/groups.ts';
import { commandHelp, overview } from '../src/cli/help.ts';
import { everyCommand } from '../src/cli/registry.ts';
import type { Command } from '../src/cli/spec.ts';

function block(text: string): string[] {
  return ['', '```text', text, '```'];
}

function section(command: Command): string[] {
  const notes = [
    ...(command.passThrough === true
      ? ['Options end at the first word that is none: what follows belongs to the program.']
      : []),
    ...(command.needsRoot === false ? ['Needs no root.'] : []),
  ];
  return [
    '',
    `## ${command.name}`,
    ...(notes.length > 0 ? ['', notes.join(' ')] : []),
    ...block(commandHelp(command)),
  ];
}

function groups(): string[] {
  return Object.entries(GROUPS).flatMap(([group, words]) =>
    Object.entries(words).map(([word, same]) => `- \`${group} ${word}\`: \`${same.join(' ')}\``),
  );
}

/** Loads every command; pure otherwise. Without tables, so that the formatter has nothing to align. */
export async function cliDocs(): Promise<string> {
  const commands = await everyCommand();
  return [
    '<!-- Generated from src/cli/commands/ by `npm run gen`. Do not edit. -->',
    '',
    '# Commands',
    '',
    'Every long option may be written with one dash too (`-name bird`), and with `=` (`--name=bird`).',
    'Short ones may be joined (`-itd`). A `CONTAINER` is a full id, a unique beginning of one, or a name.',
    ...block(overview(commands)),
    ...commands.flatMap(section),
    '',
    "## Docker's grouped spellings",
    '',
    ...groups(),
    '',
  ].join('\n');
}
