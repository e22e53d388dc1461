/** Checks of JSON data that name what is wrong: where in the document, what stands there, what must stand there. */

export interface Problem {
  /** Place in the document: "linux.resources.memory.limit", "mounts[3].destination". */
  readonly at: string;
  readonly why: string;
}

/** Reads a value as T, or says what is wrong with it and returns undefined. */
export type Check<T> = (value: unknown, at: string, problems: Problem[]) => T | undefined;

/** The type that a check gives. */
export type Checked<C> = C extends Check<infer T> ? T : never;

/** A field that may be missing. In JSON made by Go, null is the same as missing. */
export interface Optional<T> {
  readonly optional: Check<T>;
}

type Field = Check<unknown> | Optional<unknown>;
type Fields = Readonly<Record<string, Field>>;
type RequiredNames<F extends Fields> = {
  [N in keyof F]: F[N] extends Optional<unknown> ? never : N;
}[keyof F];
type OptionalNames<F extends Fields> = {
  [N in keyof F]: F[N] extends Optional<unknown> ? N : never;
}[keyof F];
type ObjectOf<F extends Fields> = {
  readonly [N in RequiredNames<F>]: F[N] extends Check<infer T> ? T : never;
} & {
  readonly [N in OptionalNames<F>]?: F[N] extends Optional<infer T> ? T : never;
};

/** "the string \"abc\"", "the number 1.5", "an array": for messages. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value) ?? String(value);
  return `the ${typeof value} ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

function wrong(problems: Problem[], at: string, why: string): undefined {
  problems.push({ at, why });
  return undefined;
}

/** The field may be missing or null. */
export function opt<T>(check: Check<T>): Optional<T> {
  return { optional: check };
}

export const string: Check<string> = (value, at, problems) =>
  typeof value !== 'string'
    ? wrong(problems, at, `is ${describe(value)}, must be a string`)
    : value.includes('\0')
      ? wrong(problems, at, 'contains a NUL byte')
      : value;

export const text: Check<string> = (value, at, problems) =>
  value === '' ? wrong(problems, at, 'is empty') : string(value, at, problems);

export const boolean: Check<boolean> = (value, at, problems) =>
  typeof value === 'boolean' ? value : wrong(problems, at, `is ${describe(value)}, must be true or false`);

/** A string that begins with "/". */
export const absolute: Check<string> = (value, at, problems) => {
  const path = string(value, at, problems);
  if (path === undefined || path.startsWith('/')) return path;
  return wrong(problems, at, `is ${describe(path)}, must be an absolute path`);
};

/** A whole number from min to max. */
export function integer(min: number, max: number): Check<number> {
  return (value, at, problems) => {
    if (typeof value !== 'number' || !Number.isInteger(value))
      return wrong(problems, at, `is ${describe(value)}, must be a whole number`);
    if (value >= min && value <= max) return value;
    return wrong(problems, at, `is ${value}, must be from ${min} to ${max}`);
  };
}

export const uint32 = integer(0, 0xffff_ffff);
/** JSON numbers are doubles: the largest 64-bit ones come rounded up to 2^64. */
export const uint64 = integer(0, 2 ** 64);
export const int64 = integer(-(2 ** 63), 2 ** 63);

/** One of a few words. */
export function oneOf<const W extends string>(...words: readonly W[]): Check<W> {
  return (value, at, problems) =>
    words.find((word) => word === value) ??
    wrong(problems, at, `is ${describe(value)}, must be one of ${words.join(', ')}`);
}

export function list<T>(check: Check<T>): Check<readonly T[]> {
  return (value, at, problems) => {
    if (!Array.isArray(value)) return wrong(problems, at, `is ${describe(value)}, must be an array`);
    return value.flatMap((item, i): T[] => {
      const read = check(item, `${at}[${i}]`, problems);
      return read === undefined ? [] : [read];
    });
  };
}

/** An object whose keys are data: annotations, sysctl. */
export function record<T>(check: Check<T>): Check<Readonly<Record<string, T>>> {
  return (value, at, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return wrong(problems, at, `is ${describe(value)}, must be an object`);
    const entries = Object.entries(value).flatMap(([name, item]): Array<[string, T]> => {
      const read = check(item, `${at}[${JSON.stringify(name)}]`, problems);
      return read === undefined ? [] : [[name, read]];
    });
    return Object.fromEntries(entries);
  };
}

/** Anything: read later, by whoever understands it. */
export const anything: Check<unknown> = (value) => value ?? undefined;

/** An object with these fields. Others are left alone: "runtimes MUST NOT generate an error" (config.md, extensibility). */
export function object<F extends Fields>(fields: F): Check<ObjectOf<F>> {
  return (value, at, problems) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return wrong(problems, at, `is ${describe(value)}, must be an object`);
    const out: Record<string, unknown> = {};
    for (const [name, field] of Object.entries(fields)) {
      const item = (value as Record<string, unknown>)[name];
      const place = at === '' ? name : `${at}.${name}`;
      if (typeof field === 'function') {
        if (item === undefined || item === null)
          problems.push({ at: place, why: 'is missing, and required' });
        else out[name] = field(item, place, problems);
        continue;
      }
      if (item === undefined || item === null) continue;
      const read = field.optional(item, place, problems);
      if (read !== undefined) out[name] = read;
    }
    return out as ObjectOf<F>;
  };
}
