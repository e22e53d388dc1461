import { badInput } from '../base/errors.ts';

/** A piece of a template: text as it is, or an action. */
type Part =
  | { text: string }
  | { fn: string; path: readonly string[]; args: readonly string[]; source: string };

const FUNCTIONS = new Set(['', 'json', 'join', 'lower', 'upper', 'len', 'index', 'Label']);
const KNOWN =
  '{{.Field}}, {{.A.B}}, {{json .}}, {{join .List ","}}, {{index .Map "key"}}, {{.Label "key"}}, lower, upper, len';

function unsupported(action: string): Error {
  return badInput(`--format: the action {{${action}}} is not supported`, {
    subject: action,
    remedy: `there are: ${KNOWN}`,
  });
}

/** `json .A.B` -> function, path and string arguments. */
function parseAction(source: string): Part {
  const [, call = '', fieldPath, argText = ''] =
    /^(?:([a-z]+)\s+)?(\.(?:[\w-]+(?:\.[\w-]+)*)?)((?:\s+(?:"(?:[^"\\]|\\.)*"|\d+))*)$/.exec(source) ?? [];
  if (fieldPath === undefined) throw unsupported(source);
  const path = fieldPath.split('.').filter((name) => name !== '');
  const args = Array.from(argText.matchAll(/"(?:[^"\\]|\\.)*"|\d+/g), ([arg]) => unquote(arg, source));
  const fn = call === '' && path[0] === 'Label' && path.length === 1 ? 'Label' : call;
  const wanted = fn === 'join' || fn === 'index' || fn === 'Label' ? 1 : 0;
  if (!FUNCTIONS.has(fn) || args.length !== wanted) throw unsupported(source);
  return { fn, path, args, source };
}

function unquote(arg: string, source: string): string {
  if (!arg.startsWith('"')) return arg;
  try {
    return String(JSON.parse(arg));
  } catch (error) {
    if (error instanceof SyntaxError) throw unsupported(source);
    throw error;
  }
}

/** A parsed `--format`, for many rows. */
export interface Template {
  render(data: unknown, labels?: Readonly<Record<string, string>>): string;
  /** The first field of each action, in order: what a table's head is made of. */
  readonly fields: readonly string[];
  /** The template with each action replaced. */
  replace(value: (field: string) => string): string;
}

/**
 * The part of Go's templates that is used with Docker: fields, json, join, index, lower, upper, len, Label.
 * `\t` and `\n` written out become a tab and a line break. Throws BAD_INPUT for anything else.
 */
export function parseTemplate(format: string): Template {
  const unescaped = (text: string): string => text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
  const parts: Part[] = [];
  let at = 0;
  for (const match of format.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gs)) {
    parts.push({ text: unescaped(format.slice(at, match.index)) }, parseAction(match[1] ?? ''));
    at = match.index + match[0].length;
  }
  const tail = unescaped(format.slice(at));
  if (tail.includes('{{')) throw unsupported(tail.slice(tail.indexOf('{{') + 2));
  parts.push({ text: tail });
  const fieldOf = (part: Part): string =>
    'text' in part ? '' : ((part.path[0] === 'Label' ? part.args[0] : part.path[0]) ?? '');
  return {
    fields: parts.map(fieldOf).filter((field) => field !== ''),
    render: (data, labels) =>
      parts.map((part) => ('text' in part ? part.text : evaluate(part, data, labels))).join(''),
    replace: (value) => parts.map((part) => ('text' in part ? part.text : value(fieldOf(part)))).join(''),
  };
}

function evaluate(
  part: Exclude<Part, { text: string }>,
  data: unknown,
  labels?: Readonly<Record<string, string>>,
): string {
  const [arg = ''] = part.args;
  if (part.fn === 'Label')
    return labels !== undefined && Object.hasOwn(labels, arg) ? (labels[arg] ?? '') : '';
  const value = lookUp(data, part.path, part.source);
  switch (part.fn) {
    case 'json':
      return JSON.stringify(value) ?? 'null';
    case 'join':
      return Array.isArray(value) ? value.map(show).join(arg) : show(value);
    case 'lower':
      return show(value).toLowerCase();
    case 'upper':
      return show(value).toUpperCase();
    case 'len':
      return String(lengthOf(value));
    case 'index':
      return show(member(value, arg));
    default:
      return show(value);
  }
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

function lookUp(data: unknown, path: readonly string[], source: string): unknown {
  let value = data;
  for (const name of path) {
    const fields = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (!fields.includes(name)) {
      const remedy = fields.length === 0 ? 'nothing lies below it' : `there are: ${fields.join(', ')}`;
      throw badInput(`--format: {{${source}}}: there is no field "${name}"`, { subject: name, remedy });
    }
    value = member(value, name);
  }
  return value;
}

/** As Go prints values: lists as "[a b]", maps as "map[k:v]". */
function show(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value === 'object') {
    const items = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${items.map(([key, item]) => `${key}:${show(item)}`).join(' ')}]`;
  }
  return String(value);
}
