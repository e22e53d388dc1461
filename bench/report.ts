/** The page docs/benchmarks.md. Pure. */
import { COMPARISON, compare, failures, type Measurement, SPREAD, spread } from './series.ts';
import { markdownTable, textTable } from './table.ts';

export interface Facts {
  /** Label and text. */
  machine: ReadonlyArray<readonly [string, string]>;
  tools: ReadonlyArray<readonly [string, string]>;
  /** Tools that are not measured, and why, in their own words. */
  absent: ReadonlyArray<readonly [string, string]>;
  /** "2026-11-23". */
  date: string;
  quick: boolean;
}

export function comparisonText(rows: readonly Measurement[]): string {
  return textTable(COMPARISON, rows.flatMap(compare));
}

export function problems(rows: readonly Measurement[]): string[] {
  return rows.flatMap(failures);
}

const items = (pairs: ReadonlyArray<readonly [string, string]>): string =>
  pairs.map(([label, text]) => `- ${label}: ${text}`).join('\n');

function section(title: string, body: string): string[] {
  return body === '' ? [] : ['', `## ${title}`, '', body];
}

export function page(facts: Facts, rows: readonly Measurement[]): string {
  const notes = rows.flatMap(({ title, note }): [string, string][] =>
    note === undefined ? [] : [[title, note]],
  );
  const effort = facts.quick ? ' (with `--quick`: few rounds, small numbers of containers)' : '';
  return [
    '# Benchmarks',
    '',
    `Written by \`npm run bench -- --write\` on ${facts.date}${effort}; do not edit. Run it as root, after \`npm run build\`;`,
    '`npm run bench -- --install` first installs the other tools from Debian. Medians; the tools take turns',
    '(A B C, B C A, C A B …, with a short pause between) in one run on one machine, each with state of its own in a',
    'temporary directory on the disk, and what lies in /run on an installed system on a tmpfs. Before the first, every',
    'program is read from the disk once, so that none is slower for the way it came into the page cache.',
    '"ratio" is ours divided by theirs: smaller is better for us. What follows ± is twice the standard error; "even" stands',
    'where as good as the other is asked for and the difference is smaller than that.',
    '',
    markdownTable(COMPARISON, rows.flatMap(compare)),
    ...section('What is measured', items(notes)),
    ...section(
      'Failed',
      problems(rows)
        .map((line) => `- ${line}`)
        .join('\n'),
    ),
    ...section('Not measured', items(facts.absent)),
    ...section('Machine', items(facts.machine)),
    ...section('Tools', items(facts.tools)),
    ...section('All numbers', markdownTable(SPREAD, rows.flatMap(spread))),
    '',
  ].join('\n');
}
