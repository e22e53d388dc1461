import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { badInput, builtin, errnoOf, MydockerError } from '../../base/index.ts';
import { writeAtomic } from '../../storage/index.ts';

/** How one shows who one is: a name with a password, or a token that stands for both. */
export type Credentials = { user: string; password: string } | { identityToken: string };

/** The part of ~/.docker/config.json that is read: docs.docker.com, docker login. */
interface AuthFile {
  auths?: Record<string, { auth?: string; identitytoken?: string; username?: string; password?: string }>;
  credsStore?: string;
  credHelpers?: Record<string, string>;
}

/** Docker's own key for docker.io, from the days of the first registry. */
const DOCKER_IO_KEY = 'https://index.docker.io/v1/';

/** Our own file: written 0600 by login. */
export function authFilePath(): string {
  const { MYDOCKER_AUTH_FILE: named, XDG_CONFIG_HOME: config } = process.env;
  if (named !== undefined && named !== '') return named;
  return `${config === undefined || config === '' ? `${homedir()}/.config` : config}/mydocker/auth.json`;
}

function dockerFilePath(): string {
  const { DOCKER_CONFIG: directory } = process.env;
  return `${directory === undefined || directory === '' ? `${homedir()}/.docker` : directory}/config.json`;
}

function readAuthFile(path: string): AuthFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return {};
    if (errno === undefined) throw error;
    throw badInput(`cannot read the credentials in ${path}: ${errno}`, {
      errno,
      subject: path,
      cause: error,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as AuthFile;
  } catch (error) {
    // Its text is not quoted: it may hold a password.
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badInput(`cannot read the credentials in ${path}: it is no JSON object`, {
    subject: path,
    remedy: 'correct that file, or log in again',
  });
}

/** The keys a registry's credentials may stand under, the usual one first. */
function keysOf(host: string): string[] {
  const names = host === 'docker.io' ? [DOCKER_IO_KEY, 'docker.io', 'index.docker.io'] : [host];
  return [...names, ...names.flatMap((name) => [`https://${name}`, `https://${name}/`, `http://${name}`])];
}

function fromEntry(entry: NonNullable<AuthFile['auths']>[string]): Credentials | undefined {
  if (typeof entry.identitytoken === 'string' && entry.identitytoken !== '') {
    return { identityToken: entry.identitytoken };
  }
  const text = typeof entry.auth === 'string' ? Buffer.from(entry.auth, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon > 0) return { user: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
  const { username, password } = entry;
  return typeof username === 'string' && typeof password === 'string'
    ? { user: username, password }
    : undefined;
}

const HELPER_TIMEOUT_MS = 60_000;

function helperError(name: string, why: string): MydockerError {
  return new MydockerError(
    'CREDENTIAL_HELPER',
    `the credential helper docker-credential-${name} failed: ${why}`,
    {
      subject: `docker-credential-${name}`,
      remedy: 'install it, or take it out of the Docker configuration (credsStore, credHelpers)',
    },
  );
}

/** Asks a helper; undefined when it knows nothing. Its answers never reach an error's text. */
function askHelper(name: string, key: string): Credentials | undefined {
  if (!/^[\w.-]+$/.test(name)) throw helperError(name, 'that is no name of a program');
  const { spawnSync } = builtin('node:child_process');
  const result = spawnSync(`docker-credential-${name}`, ['get'], {
    input: key,
    encoding: 'utf8',
    timeout: HELPER_TIMEOUT_MS,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  if (result.error !== undefined) {
    const errno = errnoOf(result.error);
    throw helperError(
      name,
      errno === 'ENOENT' ? 'there is no such program in PATH' : (errno ?? 'it cannot run'),
    );
  }
  if (result.status !== 0) {
    if (/credentials not found/i.test(result.stdout)) return undefined;
    throw helperError(name, `it ended with exit code ${result.status ?? 'of a signal'}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(result.stdout);
  } catch {
    throw helperError(name, 'its answer is no JSON');
  }
  const { Username: user, Secret: secret } = (value ?? {}) as { Username?: unknown; Secret?: unknown };
  if (typeof user !== 'string' || typeof secret !== 'string')
    throw helperError(name, 'its answer has no Username and Secret');
  if (user === '' && secret === '') return undefined;
  return user === '<token>' ? { identityToken: secret } : { user, password: secret };
}

function inFile(file: AuthFile, host: string): Credentials | undefined {
  for (const key of keysOf(host)) {
    const helper =
      file.credHelpers?.[key] ?? (key === DOCKER_IO_KEY ? file.credHelpers?.['docker.io'] : undefined);
    if (typeof helper === 'string') return askHelper(helper, key);
  }
  if (typeof file.credsStore === 'string' && file.credsStore !== '') {
    const [usual = host] = keysOf(host);
    const found = askHelper(file.credsStore, usual);
    if (found !== undefined) return found;
  }
  for (const key of keysOf(host)) {
    const entry = file.auths?.[key];
    const found = typeof entry === 'object' && entry !== null ? fromEntry(entry) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** What is known for a registry: our own file first, then Docker's with its helpers. */
export function credentialsFor(host: string): Credentials | undefined {
  return inFile(readAuthFile(authFilePath()), host) ?? inFile(readAuthFile(dockerFilePath()), host);
}

function change(edit: (auths: NonNullable<AuthFile['auths']>) => void): void {
  const path = authFilePath();
  const file = readAuthFile(path);
  const auths = { ...file.auths };
  edit(auths);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeAtomic(path, `${JSON.stringify({ ...file, auths }, undefined, 2)}\n`, { mode: 0o600, sync: true });
}

/** Keeps credentials for a registry in our own file, which only its owner can read. Atomic. */
export function storeCredentials(host: string, credentials: Credentials): void {
  change((auths) => {
    auths[host] =
      'identityToken' in credentials
        ? { identitytoken: credentials.identityToken }
        : { auth: Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64') };
  });
}

/** Drops a registry's credentials from our own file; false when there were none. */
export function eraseCredentials(host: string): boolean {
  const { auths = {} } = readAuthFile(authFilePath());
  const keys = keysOf(host).filter((key) => auths[key] !== undefined);
  if (keys.length === 0) return false;
  change((all) => {
    for (const key of keys) delete all[key];
  });
  return true;
}
