import { print } from '../out.ts';
import { formatRows } from '../rows.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker info`. */
export const info: Command = {
  name: 'info',
  summary: 'Show the host, the store and how many containers there are',
  usage: '',
  options: [
    { name: 'format', short: 'f', value: 'string', placeholder: 'FORMAT', help: 'json, or a template' },
  ],
  examples: ['info', 'info --format json'],
  args: [0, 0],
  run: showInfo,
};

async function showInfo(context: Context): Promise<number> {
  const facts = await (await context.engine()).info();
  const format = context.flags.string('format');
  print(format === undefined ? lines(facts, '').join('\n') : formatRows(format, [{ fields: facts }]));
  return 0;
}

/** "key: value", nested ones indented. */
function lines(facts: object, indent: string): string[] {
  return Object.entries(facts).flatMap(([key, value]: [string, unknown]) => {
    if (Array.isArray(value)) return [`${indent}${key}: ${value.map(String).join(', ')}`];
    if (typeof value === 'object' && value !== null)
      return [`${indent}${key}:`, ...lines(value, `${indent}  `)];
    return [`${indent}${key}: ${String(value)}`];
  });
}
