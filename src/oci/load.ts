import { readFileSync, realpathSync, statSync } from 'node:fs';
import { errnoOf, type MydockerError } from '../base/index.ts';
import {
  type Config,
  type ConfigProcess,
  isBind,
  type Reading,
  readConfig,
  readProcess,
} from '../runtime/bundle/index.ts';
import { ociError } from './store.ts';

/** Told to the caller of the runtime: in the log, and on standard error. */
export type Warn = (message: string) => void;

const WORDS: Readonly<{ [errno: string]: string }> = {
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
};

function cannotRead(path: string, error: unknown): MydockerError {
  const errno = errnoOf(error);
  if (errno === undefined) throw error;
  return ociError('OCI_BAD_CONFIG', `cannot read ${path}: ${WORDS[errno] ?? errno}`, {
    subject: path,
    remedy: 'give the directory with config.json with --bundle, or go there',
  });
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw ociError('OCI_BAD_CONFIG', `${path} is not valid JSON: ${why}`, { subject: path });
  }
}

/** The first problem in full, and how many more there are: one line. */
export function checked<T>(file: string, reading: Reading<T>, warn: Warn): T {
  for (const { at, why } of reading.warnings) warn(`${file}: ${at} ${why}`);
  if (reading.value !== undefined) return reading.value;
  const [first, ...more] = reading.problems;
  const rest =
    more.length === 0
      ? ''
      : ` (and ${more.length} more: ${more.map(({ at }) => at || 'document').join(', ')})`;
  const place = first?.at === '' ? 'the document' : (first?.at ?? '');
  throw ociError('OCI_BAD_CONFIG', `${file}: ${place} ${first?.why ?? 'is not valid'}${rest}`, {
    subject: first?.at ?? '',
    remedy: 'see config.md and config-linux.md of the OCI runtime specification',
  });
}

export interface Bundle {
  /** Absolute, links resolved. */
  path: string;
  config: Config;
  /** config.json, as it is on disk. */
  text: string;
  rootfs: string;
  /** Numbers of the mounts whose source is a file. */
  fileSources: Set<number>;
}

function rootfsOf(bundle: string, path: string): string {
  const full = path.startsWith('/') ? path : `${bundle}/${path}`;
  try {
    const real = realpathSync(full);
    if (statSync(real).isDirectory()) return real;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw ociError('OCI_NO_ROOTFS', `config.json: root.path is "${path}": ${WORDS[errno] ?? errno}`, {
      subject: full,
      remedy: 'unpack the root file system there first',
    });
  }
  throw ociError('OCI_NO_ROOTFS', `config.json: root.path is "${path}": not a directory`, { subject: full });
}

/** Sources of bind mounts, absolute; which of them are files. */
function resolveMounts(bundle: string, config: Config): { config: Config; fileSources: Set<number> } {
  const fileSources = new Set<number>();
  const mounts = (config.mounts ?? []).map((m, i) => {
    if (!isBind(m)) return m;
    const given = m.source ?? '';
    const source = given.startsWith('/') ? given : `${bundle}/${given}`;
    try {
      if (!statSync(source).isDirectory()) fileSources.add(i);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      throw ociError(
        'OCI_NO_MOUNT_SOURCE',
        `config.json: mounts[${i}].source is "${given}": ${WORDS[errno] ?? errno}`,
        {
          subject: source,
          remedy: 'make it first',
        },
      );
    }
    return { ...m, source };
  });
  return { config: { ...config, mounts }, fileSources };
}

/** Reads and checks a bundle. Throws OCI_BAD_CONFIG, OCI_NO_ROOTFS, OCI_NO_MOUNT_SOURCE. */
export function loadBundle(directory: string, warn: Warn): Bundle {
  let path: string;
  let text: string;
  const file = `${directory}/config.json`;
  try {
    path = realpathSync(directory);
    text = readFileSync(`${path}/config.json`, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
  const read = checked('config.json', readConfig(parse(file, text)), warn);
  return { path, text, rootfs: rootfsOf(path, read.root.path), ...resolveMounts(path, read) };
}

/** Reads and checks the file of `exec --process`. */
export function loadProcess(file: string, warn: Warn): ConfigProcess {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error);
  }
  return checked(file, readProcess(parse(file, text)), warn);
}

/** The copy kept beside the record. It was checked when the container was created. */
export function loadKept(dir: string): Config {
  const config = readConfig(JSON.parse(readFileSync(`${dir}/config.json`, 'utf8'))).value;
  if (config === undefined)
    throw ociError('OCI_BAD_STATE', `the record in ${dir} is damaged`, { subject: dir });
  return config;
}
