import { badInput, excerpt, type MydockerError, signalOf } from '../base/index.ts';
import type { ImageConfig } from './manifest.ts';

const KNOWN = 'CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL';

function wrong(line: string, why: string): MydockerError {
  return badInput(`cannot apply the change "${excerpt(line)}": ${why}`, {
    subject: line,
    remedy: `write it as in a Dockerfile, for example 'CMD ["sh", "-c", "date"]' or 'ENV KEY=value'`,
  });
}

/** A JSON list of strings, or undefined when the text is no JSON list: then it is the shell form. */
function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

function commandLine(text: string): string[] {
  return jsonList(text) ?? ['/bin/sh', '-c', text];
}

/** Splits at blanks outside quotes; takes quotes and backslashes away. */
function words(line: string, text: string): string[] {
  const list: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i);
    if (c === '\\' && quote !== "'" && i + 1 < text.length) word = (word ?? '') + text.charAt(++i);
    else if (quote === '' && (c === '"' || c === "'")) {
      quote = c;
      word ??= '';
    } else if (c === quote) quote = '';
    else if (quote === '' && /\s/.test(c)) {
      if (word !== undefined) list.push(word);
      word = undefined;
    } else word = (word ?? '') + c;
  }
  if (quote !== '') throw wrong(line, `a ${quote} is not closed`);
  return word === undefined ? list : [...list, word];
}

/** "a=b c='d e'" or the old form "a b c", where all after the first word is the value. */
function pairs(line: string, text: string): Array<[key: string, value: string]> {
  const old = /^([^\s=]+)\s+(.*)$/.exec(text);
  if (old?.[1] !== undefined && old[2] !== undefined) return [[old[1], old[2]]];
  return words(line, text).map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1) throw wrong(line, `"${word}" is no KEY=value`);
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}

function exposed(line: string, text: string): string[] {
  return words(line, text).flatMap((word) => {
    const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(word);
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (match === null || first < 1 || last > 65535 || last < first)
      throw wrong(line, `"${word}" is no port`);
    const protocol = (match[3] ?? 'tcp').toLowerCase();
    return Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${protocol}`);
  });
}

/** ".." and a relative path as in a Dockerfile: it goes on from the directory before. */
function workdir(before: string, text: string): string {
  const parts: string[] = [];
  for (const part of (text.startsWith('/') ? text : `${before}/${text}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function withEnv(env: readonly string[], line: string, text: string): string[] {
  const result = [...env];
  for (const [key, value] of pairs(line, text)) {
    const at = result.findIndex((item) => item.startsWith(`${key}=`));
    result.splice(at < 0 ? result.length : at, 1, `${key}=${value}`);
  }
  return result;
}

function keys(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}

/** What one instruction sets; undefined for an unknown one. */
function change(config: ImageConfig, name: string, line: string, text: string): ImageConfig | undefined {
  switch (name) {
    case 'CMD':
      return { Cmd: commandLine(text) };
    case 'ENTRYPOINT':
      return { Entrypoint: commandLine(text) };
    case 'ENV':
      return { Env: withEnv(config.Env ?? [], line, text) };
    case 'LABEL':
      return { Labels: { ...config.Labels, ...Object.fromEntries(pairs(line, text)) } };
    case 'EXPOSE':
      return { ExposedPorts: { ...config.ExposedPorts, ...keys(exposed(line, text)) } };
    case 'VOLUME':
      return { Volumes: { ...config.Volumes, ...keys(jsonList(text) ?? words(line, text)) } };
    case 'USER':
      return { User: text };
    case 'WORKDIR':
      return { WorkingDir: workdir(config.WorkingDir ?? '/', text) };
    case 'STOPSIGNAL':
      if (signalOf(text) === undefined) throw wrong(line, `"${text}" is no signal`);
      return { StopSignal: text };
    default:
      return undefined;
  }
}

/**
 * The config after Dockerfile instructions ("CMD …", "ENV …"), as `commit -c` and `import -c` take them.
 * The given config is not changed. Throws BAD_INPUT for an unknown or malformed instruction.
 */
export function applyChanges(config: ImageConfig, changes: readonly string[]): ImageConfig {
  let result: ImageConfig = { ...config };
  let isCmdSet = false;
  for (const line of changes) {
    const match = /^\s*([a-zA-Z]+)\s+(\S.*?)\s*$/s.exec(line);
    if (match === null) throw wrong(line, 'it is no instruction with a value');
    const name = (match[1] ?? '').toUpperCase();
    const set = change(result, name, line, match[2] ?? '');
    if (set === undefined) throw wrong(line, `"${match[1]}" is none of ${KNOWN}`);
    result = { ...result, ...set };
    isCmdSet ||= name === 'CMD';
    // A command of before belonged to the entry point of before: Dockerfile reference, ENTRYPOINT.
    if (name === 'ENTRYPOINT' && !isCmdSet) delete result.Cmd;
  }
  return result;
}
