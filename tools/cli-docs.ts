/** The text of docs/cli.md, from the command specs that also make `--help` and the completions. */
import { GLOBAL_OPTIONS } from '../src/cli/globals.ts';
import { COMMANDS, GROUPS } from '../src/cli/registry.ts';
import type { Command, OptionSpec } from '../src/cli/spec.ts';

/** A "|" would end the table's cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|');
const code = (text: string): string => `\`${cell(text)}\``;

function spellings(option: OptionSpec): string {
  const value = option.value === undefined ? '' : ` ${option.placeholder ?? 'VALUE'}`;
  const short = option.short === undefined ? [] : [code(`-${option.short}`)];
  const also = (option.also ?? []).map((name) => code(`-${name}`));
  return [...short, code(`--${option.name}${value}`), ...also].join(', ');
}

function optionTable(options: readonly OptionSpec[]): string[] {
  const shown = options.filter((option) => option.hidden !== true);
  if (shown.length === 0) return [];
  const rows = shown.map((option) => {
    const many = option.value === 'list' ? ' (repeatable)' : '';
    return `| ${spellings(option)} | ${cell(option.help)}${many} |`;
  });
  return ['', '| option | meaning |', '| --- | --- |', ...rows];
}

function section(command: Command): string[] {
  const words = ['mydocker', command.name, command.options.length > 0 ? '[OPTIONS]' : '', command.usage];
  const notes = [
    ...(command.passThrough === true
      ? ['Options end at the first word that is none: what follows belongs to the program.']
      : []),
    ...(command.needsRoot === false ? ['Needs no root.'] : []),
  ];
  return [
    '',
    `## ${command.name}`,
    '',
    `${command.summary}.${notes.map((note) => ` ${note}`).join('')}`,
    '',
    '```text',
    words.filter((word) => word !== '').join(' '),
    '```',
    ...optionTable(command.options),
    '',
    'Examples:',
    '',
    '```sh',
    ...command.examples.map((example) => `mydocker ${example}`),
    '```',
  ];
}

function groupTable(): string[] {
  const rows = Object.entries(GROUPS).flatMap(([group, words]) =>
    Object.entries(words).map(([word, same]) => `| ${code(`${group} ${word}`)} | ${code(same.join(' '))} |`),
  );
  return ['', '| spelling | same as |', '| --- | --- |', ...rows];
}

/** Loads every command; pure otherwise. */
export async function cliDocs(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  return [
    '<!-- Generated from src/cli/commands/ by `npm run gen`. Do not edit. -->',
    '# Commands',
    '',
    'Every long option may be written with one dash too (`-name bird`), and with `=` (`--name=bird`).',
    'Short ones may be joined (`-itd`). A `CONTAINER` is a full id, a unique beginning of one, or a name.',
    '',
    ...commands.map(({ name, summary }) => `- [${name}](#${name}): ${summary}`),
    '',
    'Before the command:',
    ...optionTable(GLOBAL_OPTIONS),
    ...commands.flatMap(section),
    '',
    "## Docker's grouped spellings",
    ...groupTable(),
    '',
  ].join('\n');
}
