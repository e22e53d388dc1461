import { readFileSync } from 'node:fs';
import { badInput, errnoOf } from '../base/errors.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** "K=V" as it is; "K" takes the caller's value, and is dropped where the caller has none, as Docker does. */
function entry(text: string, caller: Environment): string | undefined {
  if (text.includes('=')) return text;
  const value = caller[text];
  return value === undefined ? undefined : `${text}=${value}`;
}

/** The values of `-e` as "K=V" entries. */
export function parseEnv(flag: string, list: readonly string[], caller: Environment): string[] {
  const result: string[] = [];
  for (const text of list) {
    if (text === '' || text.startsWith('=')) {
      throw badInput(`${flag} "${text}" has no name before the "="`, {
        subject: flag,
        remedy: `give for example ${flag} KEY=value`,
      });
    }
    const found = entry(text, caller);
    if (found !== undefined) result.push(found);
  }
  return result;
}

/** The lines of one `--env-file`: KEY=value, KEY, "# comment" or nothing. Values are taken literally, quotes too. */
export function parseEnvFile(path: string, content: string, caller: Environment): string[] {
  const result: string[] = [];
  for (const [index, raw] of content
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    const line = raw.replace(/\r$/, '').replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const name = line.split('=', 1)[0] ?? '';
    if (name === '' || /\s/.test(name)) {
      throw badInput(`--env-file ${path}, line ${index + 1}: "${line}" has no valid name before the "="`, {
        subject: path,
        remedy: 'write KEY=value, KEY alone, or a comment that starts with #',
      });
    }
    const found = entry(line, caller);
    if (found !== undefined) result.push(found);
  }
  return result;
}

/** Reads and parses one `--env-file`. */
export function readEnvFile(path: string, caller: Environment): string[] {
  return parseEnvFile(path, readText('--env-file', path), caller);
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw badInput(
      `${flag} "${path}" cannot be read: ${errno === 'ENOENT' ? 'there is no such file' : errno}`,
      {
        subject: path,
        errno,
        remedy: 'give the path of a text file with a line KEY=value for each variable',
        cause: error,
      },
    );
  }
}

/** "k=v" or "k" (an empty value); later ones win. */
export function parseLabels(flag: string, list: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of list) {
    const equals = text.indexOf('=');
    const key = equals < 0 ? text : text.slice(0, equals);
    if (key === '') {
      throw badInput(`${flag} "${text}" has no name before the "="`, {
        subject: flag,
        remedy: `give for example ${flag} tier=web`,
      });
    }
    labels[key] = equals < 0 ? '' : text.slice(equals + 1);
  }
  return labels;
}
