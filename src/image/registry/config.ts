import { readFileSync } from 'node:fs';
import { badInput, errnoOf, excerpt, type MydockerError } from '../../base/index.ts';

/** How one registry is reached. */
export interface RegistrySettings {
  /** Asked first, in order; "https://host[:port]" or "http://…". For pulls only. */
  mirrors: readonly string[];
  /** Plain HTTP and unknown certificates are taken. */
  insecure: boolean;
}

/** The settings of /etc/mydocker/config.json, or of the file MYDOCKER_CONFIG names. */
export interface RegistryConfig {
  /** What "busybox" and "team/app" belong to. */
  defaultRegistry: string;
  /** What comes before a name without a slash, "team" for "team/busybox"; docker.io's own is "library". */
  defaultNamespace: string;
  /** Layers downloaded at once. */
  parallelDownloads: number;
  /** A registry that says nothing for so long is given up. */
  timeoutMs: number;
  /** Wait before the first repetition; doubles with each. */
  retryBaseMs: number;
  registries: Readonly<Record<string, RegistrySettings>>;
}

const PATH = '/etc/mydocker/config.json';
const DEFAULTS: RegistryConfig = {
  defaultRegistry: 'docker.io',
  defaultNamespace: '',
  parallelDownloads: 3,
  timeoutMs: 30_000,
  retryBaseMs: 500,
  registries: {},
};

const KEYS = [
  'defaultRegistry',
  'defaultNamespace',
  'parallelDownloads',
  'timeoutS',
  'retryBaseMs',
  'registries',
];

type Fields = Readonly<Record<string, unknown>>;

/** Reads a configuration's text. Throws BAD_INPUT, naming the key. */
export function parseConfig(text: string, path: string): RegistryConfig {
  const wrong = (why: string): MydockerError =>
    badInput(`cannot read the configuration ${path}: ${why}`, {
      subject: path,
      remedy: 'correct that file; docs/storage.md lists what it may hold',
    });
  const object = (value: unknown, where: string): Fields => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
    throw wrong(`${where} is no object`);
  };
  const only = (fields: Fields, where: string, known: readonly string[]): void => {
    const odd = Object.keys(fields).find((key) => !known.includes(key));
    if (odd !== undefined)
      throw wrong(`${where} "${excerpt(odd)}" is not known; there are ${known.join(', ')}`);
  };
  const positive = (value: unknown, key: string, otherwise: number): number => {
    if (value === undefined) return otherwise;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw wrong(`"${key}" is no number above 0`);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw wrong('it is no JSON');
  }
  const fields = object(json, 'it');
  only(fields, 'the key', KEYS);
  const { defaultRegistry = DEFAULTS.defaultRegistry, defaultNamespace = DEFAULTS.defaultNamespace } = fields;
  if (typeof defaultRegistry !== 'string' || defaultRegistry === '' || /[/\s]/.test(defaultRegistry)) {
    throw wrong('"defaultRegistry" is no host');
  }
  if (typeof defaultNamespace !== 'string' || !/^[a-z0-9._/-]*$/.test(defaultNamespace)) {
    throw wrong('"defaultNamespace" is no part of a name such as "team"');
  }
  const registries: Record<string, RegistrySettings> = {};
  for (const [host, value] of Object.entries(object(fields.registries ?? {}, '"registries"'))) {
    const settings = object(value, `"registries" "${excerpt(host)}"`);
    only(settings, `"${excerpt(host)}":`, ['mirrors', 'insecure']);
    const { mirrors = [], insecure = false } = settings;
    const isUrl = (one: unknown): boolean => typeof one === 'string' && /^https?:\/\/[^/\s]+\/?$/.test(one);
    if (!Array.isArray(mirrors) || !mirrors.every(isUrl)) {
      throw wrong(`"mirrors" of "${excerpt(host)}" is no list of addresses such as "https://mirror:5000"`);
    }
    if (typeof insecure !== 'boolean')
      throw wrong(`"insecure" of "${excerpt(host)}" is neither true nor false`);
    registries[host] = { mirrors: mirrors.map((one: string) => one.replace(/\/$/, '')), insecure };
  }
  return {
    defaultRegistry,
    defaultNamespace,
    parallelDownloads: Math.ceil(
      positive(fields.parallelDownloads, 'parallelDownloads', DEFAULTS.parallelDownloads),
    ),
    timeoutMs: positive(fields.timeoutS, 'timeoutS', DEFAULTS.timeoutMs / 1000) * 1000,
    retryBaseMs: positive(fields.retryBaseMs, 'retryBaseMs', DEFAULTS.retryBaseMs),
    registries,
  };
}

/** The configuration; the defaults when there is no file. A file named by MYDOCKER_CONFIG must be there. */
export function readConfig(): RegistryConfig {
  const named = process.env.MYDOCKER_CONFIG;
  const path = named === undefined || named === '' ? PATH : named;
  try {
    return parseConfig(readFileSync(path, 'utf8'), path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    if (errno === 'ENOENT' && path === PATH) return DEFAULTS;
    throw badInput(`cannot read the configuration ${path}: ${errno}`, { errno, subject: path, cause: error });
  }
}
