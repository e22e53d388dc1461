import { badInput } from '../base/errors.ts';
import {
  type Expression,
  evaluate,
  firstField,
  parseExpression,
  type Scope,
  show,
  unsupported,
} from './template-expression.ts';

/** A piece of a template: text as it is, an action, or a block of pieces. */
type Part =
  | { text: string }
  | { source: string; value: Expression }
  | {
      source: string;
      value: Expression;
      block: string;
      names: readonly string[];
      body: Part[];
      otherwise: Part[];
    };

/** A parsed `--format`, for many rows. */
export interface Template {
  render(data: unknown, labels?: Readonly<Record<string, string>>): string;
  /** The first field of each action, in order: what a table's head is made of. */
  readonly fields: readonly string[];
  /** The template with each action replaced. */
  replace(value: (field: string) => string): string;
}

/** The template cut at its actions: text, action, text, …, text. */
function pieces(format: string): string[] {
  const unescaped = (text: string): string => text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  const list: string[] = [];
  let at = 0;
  for (const match of format.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs)) {
    list.push(unescaped(format.slice(at, match.index)), match[1] ?? '');
    at = match.index + match[0].length;
  }
  const tail = unescaped(format.slice(at));
  if (tail.includes('{{')) throw unsupported(tail.slice(tail.indexOf('{{') + 2));
  return [...list, tail];
}

/** Parts up to the end of the block that `within` opens; to the end of all, without one. */
function parseParts(list: string[], within?: string): { parts: Part[]; end: string } {
  const parts: Part[] = [];
  while (list.length > 0) {
    parts.push({ text: list.shift() ?? '' });
    const source = list.shift();
    if (source === undefined) break;
    if (within !== undefined && (source === 'end' || source === 'else')) return { parts, end: source };
    const [, block, names, value] =
      /^(range|if|with)\s+(?:(\$\w+(?:\s*,\s*\$\w+)?)\s*:=\s*)?(.*)$/s.exec(source) ?? [];
    if (block === undefined || (names !== undefined && block === 'if')) {
      parts.push({ source, value: parseExpression(source) });
      continue;
    }
    const body = parseParts(list, source);
    const otherwise = body.end === 'else' ? parseParts(list, source) : { parts: [], end: 'end' };
    if (otherwise.end !== 'end') throw unsupported(otherwise.end);
    parts.push({
      ...{ source, block, value: parseExpression(value ?? '') },
      names: names?.split(/\s*,\s*/) ?? [],
      ...{ body: body.parts, otherwise: otherwise.parts },
    });
  }
  if (within === undefined) return { parts, end: '' };
  throw badInput(`--format: {{${within}}} has no {{end}}`, { subject: within, remedy: 'add {{end}}' });
}

/**
 * The part of Go's templates that is used with Docker: fields, json, join, index, lower, upper, len, Label, and range, if
 * and with. `\t` and `\n` written out become a tab and a line break. Throws BAD_INPUT for anything else.
 */
export function parseTemplate(format: string): Template {
  const { parts } = parseParts(pieces(format));
  const fieldOf = (part: Part): string => ('text' in part ? '' : firstField(part.value));
  return {
    fields: parts.map(fieldOf).filter((field) => field !== ''),
    render: (data, labels) => renderAll(parts, { dot: data, variables: { $: data }, labels }),
    replace: (value) => parts.map((part) => ('text' in part ? part.text : value(fieldOf(part)))).join(''),
  };
}

function renderAll(parts: readonly Part[], scope: Scope): string {
  return parts.map((part) => render(part, scope)).join('');
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === undefined || value === null || value === false || value === 0 || value === '';
}

/** Go goes through a map by its keys in order. */
function entriesOf(value: unknown): Array<readonly [key: unknown, item: unknown]> {
  if (Array.isArray(value)) return value.map((item: unknown, i) => [i, item] as const);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

function render(part: Part, scope: Scope): string {
  if ('text' in part) return part.text;
  const value = evaluate(part.value, scope, part.source);
  if (!('block' in part)) return show(value);
  if (isEmpty(value)) return renderAll(part.otherwise, scope);
  const { names, body } = part;
  if (part.block === 'if') return renderAll(body, scope);
  const list = part.block === 'with' ? [['', value] as const] : entriesOf(value);
  return list
    .map(([key, item]) => {
      const [first, second] = names;
      const own: Record<string, unknown> = second === undefined ? {} : { [second]: item };
      if (first !== undefined) own[first] = second === undefined ? item : key;
      return renderAll(body, { ...scope, dot: item, variables: { ...scope.variables, ...own } });
    })
    .join('');
}
