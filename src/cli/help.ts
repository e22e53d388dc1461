import { GLOBAL_OPTIONS } from './globals.ts';
import type { Command, OptionSpec } from './spec.ts';
import { textWidth } from './table.ts';

/** Two columns: the left one as wide as its longest entry. */
function twoColumns(rows: ReadonlyArray<readonly [left: string, right: string]>): string[] {
  const width = Math.max(0, ...rows.map(([left]) => textWidth(left)));
  return rows.map(([left, right]) => `  ${left}${' '.repeat(width - textWidth(left))}   ${right}`);
}

function optionRow(option: OptionSpec): [string, string] {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  const value = option.value === undefined ? '' : ` ${option.placeholder ?? 'VALUE'}`;
  const also = option.also === undefined ? '' : ` (also ${option.also.map((name) => `-${name}`).join(', ')})`;
  const many = option.value === 'list' ? ' (repeatable)' : '';
  return [`${short}--${option.name}${value}`, `${option.help}${also}${many}`];
}

function optionLines(options: readonly OptionSpec[]): string[] {
  return twoColumns(options.filter((option) => option.hidden !== true).map(optionRow));
}

/** The text of `mydocker COMMAND --help`. */
export function commandHelp(command: Command): string {
  const options = optionLines(command.options);
  const usage = ['mydocker', command.name, options.length > 0 ? '[OPTIONS]' : '', command.usage];
  const lines = [`Usage: ${usage.filter((word) => word !== '').join(' ')}`, '', `${command.summary}.`];
  if (options.length > 0) lines.push('', 'Options:', ...options);
  lines.push('', 'Examples:', ...command.examples.map((example) => `  mydocker ${example}`));
  return lines.join('\n');
}

/** The text of `mydocker --help`. */
export function overview(commands: readonly Command[]): string {
  return [
    'Usage: mydocker [OPTIONS] COMMAND …',
    '',
    'Runs programs in containers.',
    '',
    'Commands:',
    ...twoColumns(commands.map((command) => [command.name, command.summary])),
    '',
    'Options:',
    ...optionLines(GLOBAL_OPTIONS),
    '',
    'Examples:',
    '  mydocker run --rm busybox echo hello',
    '  mydocker run -d -name bird top',
    '  mydocker explain run busybox true',
    '',
    'One command in detail: mydocker COMMAND --help',
  ].join('\n');
}

/** The text of `mydocker network --help`, of "network" and the like: commands and what each does. */
export function groupOverview(
  group: string,
  commands: ReadonlyArray<readonly [name: string, summary: string]>,
): string {
  return [
    `Usage: mydocker ${group} COMMAND …`,
    '',
    'Commands:',
    ...twoColumns(commands),
    '',
    `One command in detail: mydocker ${group} COMMAND --help`,
  ].join('\n');
}

/** The text of `mydocker oci --help`. */
export function ociOverview(commands: readonly Command[], options: readonly OptionSpec[]): string {
  return [
    'Usage: mydocker oci [OPTIONS] COMMAND …',
    '',
    'An OCI runtime with the command line of runc: for podman, containerd and dockerd.',
    '',
    'Commands:',
    ...twoColumns(commands.map((command) => [command.name.replace(/^oci /, ''), command.summary])),
    '',
    'Options:',
    ...optionLines(options),
  ].join('\n');
}
