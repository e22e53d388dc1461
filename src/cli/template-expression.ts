import { badInput } from '../base/errors.ts';

/** What stands in an action: a field, a literal, or a call. */
export type Expression =
  | { field: readonly string[]; base: string }
  | { literal: string }
  | { call: string; args: readonly Expression[] }
  | { of: Expression; field: readonly string[] };

/** What names mean where an expression stands: "." the current value, "$" the whole, "$name" a variable. */
export interface Scope {
  readonly dot: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** How many arguments each function takes. */
const FUNCTIONS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  json: [1, 1],
  join: [2, 2],
  lower: [1, 1],
  upper: [1, 1],
  len: [1, 1],
  index: [2, 9],
};
const KNOWN =
  '{{.Field}}, {{.A.B}}, {{json .}}, {{join .List ","}}, {{index .Map "key"}}, {{.Label "key"}}, lower, upper, len, {{range .List}}…{{end}}, {{if .A}}…{{else}}…{{end}}';

export function unsupported(action: string): Error {
  return badInput(`--format: the action {{${action}}} is not supported`, {
    subject: action,
    remedy: `there are: ${KNOWN}`,
  });
}

const TOKEN =
  /\s*(?:(\()|(\)(?:\.[\w-]+)*)|("(?:[^"\\]|\\.)*")|(\d+)|(\$?\w*(?:\.[\w-]+)+|\.|\$\w*)|([a-z]+))/y;

interface Token {
  kind: 'open' | 'close' | 'string' | 'number' | 'field' | 'word';
  text: string;
}
const KINDS = ['open', 'close', 'string', 'number', 'field', 'word'] as const;

function tokens(source: string): Token[] {
  const list: Token[] = [];
  const text = source.trim();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text);
    const found = match?.slice(1).findIndex((part) => part !== undefined) ?? -1;
    if (match === null || found < 0) throw unsupported(source);
    list.push({ kind: KINDS[found] ?? 'word', text: match[found + 1] ?? '' });
  }
  return list;
}

function unquote(text: string, source: string): string {
  try {
    return String(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw unsupported(source);
    throw error;
  }
}

function field(text: string): Expression {
  const [base = '', ...names] = text.split('.');
  return { base: base === '' ? '.' : base, field: names.filter((name) => name !== '') };
}

/** The part of Go's expressions that is used with Docker. Throws BAD_INPUT for anything else. */
export function parseExpression(source: string): Expression {
  const list = tokens(source);
  let at = 0;
  const term = (): Expression => {
    const token = list[at++];
    if (token?.kind === 'string') return { literal: unquote(token.text, source) };
    if (token?.kind === 'number') return { literal: token.text };
    if (token?.kind === 'field' && /^(\$\w*)?(\.|$)/.test(token.text)) return field(token.text);
    if (token?.kind !== 'open') throw unsupported(source);
    const inner = whole();
    const close = list[at++];
    if (close?.kind !== 'close') throw unsupported(source);
    const names = close.text.split('.').slice(1);
    return names.length === 0 ? inner : { of: inner, field: names };
  };
  const whole = (): Expression => {
    const isCall = list[at]?.kind === 'word';
    const call = isCall ? (list[at++]?.text ?? '') : '';
    const args: Expression[] = [];
    while (at < list.length && list[at]?.kind !== 'close') args.push(term());
    const [first] = args;
    if (isCall) {
      const [least, most] = FUNCTIONS[call] ?? [1, 0];
      if (!Object.hasOwn(FUNCTIONS, call) || args.length < least || args.length > most)
        throw unsupported(source);
      return { call, args };
    }
    const isLabel =
      first !== undefined && 'base' in first && first.base === '.' && first.field.join() === 'Label';
    if (isLabel && args.length === 2) return { call: 'Label', args: args.slice(1) };
    if (first === undefined || isLabel || args.length > 1) throw unsupported(source);
    return first;
  };
  const parsed = whole();
  if (at < list.length) throw unsupported(source);
  return parsed;
}

/** The first field of an expression: the head of its column. */
export function firstField(expression: Expression): string {
  if ('literal' in expression) return '';
  if ('base' in expression) return expression.field[0] ?? '';
  if ('of' in expression) return firstField(expression.of);
  const [first] = expression.args;
  if (expression.call === 'Label') return first !== undefined && 'literal' in first ? first.literal : '';
  return first === undefined ? '' : firstField(first);
}

export function member(value: unknown, key: string): unknown {
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

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

function call(name: string, values: readonly unknown[], labels: Scope['labels']): unknown {
  const [value, arg = ''] = values;
  switch (name) {
    case 'Label':
      return labels !== undefined && Object.hasOwn(labels, String(value)) ? labels[String(value)] : '';
    case 'json':
      return JSON.stringify(value) ?? 'null';
    case 'join':
      return Array.isArray(value) ? value.map(show).join(String(arg)) : show(value);
    case 'lower':
      return show(value).toLowerCase();
    case 'upper':
      return show(value).toUpperCase();
    case 'len':
      return lengthOf(value);
    default:
      return values.slice(1).reduce((found, key) => member(found, String(key)), value);
  }
}

/** Its value. `source`: the action, for messages. Throws BAD_INPUT for a field that is not there. */
export function evaluate(expression: Expression, scope: Scope, source: string): unknown {
  if ('literal' in expression) return expression.literal;
  if ('of' in expression) return lookUp(evaluate(expression.of, scope, source), expression.field, source);
  if ('call' in expression)
    return call(
      expression.call,
      expression.args.map((arg) => evaluate(arg, scope, source)),
      scope.labels,
    );
  const { base } = expression;
  if (base !== '.' && !Object.hasOwn(scope.variables, base))
    throw badInput(`--format: {{${source}}}: there is no variable ${base}`, {
      subject: base,
      remedy: 'name it first: {{range $key, $value := .Map}}',
    });
  return lookUp(base === '.' ? scope.dot : scope.variables[base], expression.field, source);
}

/** As Go prints values: lists as "[a b]", maps as "map[k:v]". */
export function show(value: unknown): string {
  if (value === undefined || value === null) return '<no value>';
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`;
  if (typeof value === 'object') {
    const items = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${items.map(([key, item]) => `${key}:${show(item)}`).join(' ')}]`;
  }
  return String(value);
}
