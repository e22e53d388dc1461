import { statSync } from 'node:fs';
import { badInput, errnoOf } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import type { MountSpec } from '../engine/types.ts';
import { parseSize } from './values.ts';

const VOLUME_FORM =
  'give a host path and a container path, for example -v /srv/data:/data or -v ./conf:/etc/app:ro';
const MOUNT_FORM = 'give for example --mount type=bind,source=/srv/data,target=/data,readonly';
const TMPFS_FORM = 'give for example --tmpfs /run:size=64m,mode=1777';

function fail(what: string, flag: string, remedy: string): Error {
  return badInput(what, { subject: flag, remedy });
}

/** `-v src:dst[:ro|rw]`. The source must exist: a typing error would otherwise mount an empty directory. */
export function parseVolume(flag: string, text: string): MountSpec {
  const parts = text.split(':');
  const [source = '', target = '', mode = 'rw'] = parts;
  if (parts.length === 1)
    throw fail(`${flag} "${text}": volumes without a host path are not there yet`, flag, VOLUME_FORM);
  if (parts.length > 3) throw fail(`${flag} "${text}" has more than three parts`, flag, VOLUME_FORM);
  const modes = mode.split(',');
  if (modes.some((word) => word !== 'ro' && word !== 'rw') || modes.length > 1) {
    throw fail(`${flag} "${text}": "${mode}" is neither ro nor rw`, flag, VOLUME_FORM);
  }
  const path = sourcePath(flag, text, source);
  return {
    type: 'bind',
    source: path,
    target: targetPath(flag, text, target, VOLUME_FORM),
    readOnly: mode === 'ro',
  };
}

function sourcePath(flag: string, text: string, source: string): string {
  if (source === '') throw fail(`${flag} "${text}" has no host path`, flag, VOLUME_FORM);
  if (!/^(\/|\.\.?(\/|$))/.test(source)) {
    throw fail(
      `${flag} "${text}": "${source}" is no path, and named volumes are not there yet`,
      flag,
      `to mount a directory write ${flag} ./${source}:…, or give its absolute path`,
    );
  }
  const path = builtin('node:path').resolve(source);
  try {
    statSync(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    const why = errno === 'ENOENT' ? 'does not exist' : `cannot be reached (${errno})`;
    throw badInput(`${flag} "${text}": the host path ${path} ${why}`, {
      subject: path,
      errno,
      remedy: errno === 'ENOENT' ? `create it first, for example: mkdir -p ${path}` : 'check its permissions',
      cause: error,
    });
  }
  return path;
}

function targetPath(flag: string, text: string, target: string, form: string): string {
  const path = builtin('node:path')
    .posix.normalize(target)
    .replace(/(.)\/$/, '$1');
  if (!target.startsWith('/'))
    throw fail(`${flag} "${text}": the container path "${target}" is not absolute`, flag, form);
  if (path === '/')
    throw fail(`${flag} "${text}": nothing can be mounted over the whole root "/"`, flag, form);
  return path;
}

/** Comma-separated fields; a field in double quotes may hold commas, as in a CSV line. */
function fields(text: string): string[] {
  return Array.from(text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g), ([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'),
  );
}

const MOUNT_KEYS: Readonly<Record<string, string>> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  destination: 'target',
  dst: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  'tmpfs-size': 'tmpfs-size',
  'tmpfs-mode': 'tmpfs-mode',
};

function mountFields(flag: string, text: string): Map<string, string> {
  const result = new Map<string, string>();
  for (const field of fields(text)) {
    const equals = field.indexOf('=');
    const key = (equals < 0 ? field : field.slice(0, equals)).trim().toLowerCase();
    const known = MOUNT_KEYS[key];
    if (known === undefined) throw fail(`${flag} "${text}": unknown field "${key}"`, flag, MOUNT_FORM);
    result.set(known, equals < 0 ? 'true' : field.slice(equals + 1));
  }
  return result;
}

/** `--mount type=bind|tmpfs,source=…,target=…[,readonly][,tmpfs-size=…][,tmpfs-mode=…]`. */
export function parseMount(flag: string, text: string): MountSpec {
  const given = mountFields(flag, text);
  const type = given.get('type');
  const readOnly = boolField(flag, text, given.get('readonly') ?? 'false');
  const target = targetPath(flag, text, given.get('target') ?? '', MOUNT_FORM);
  if (type === 'bind') {
    const foreign = given.has('tmpfs-size')
      ? 'tmpfs-size'
      : given.has('tmpfs-mode')
        ? 'tmpfs-mode'
        : undefined;
    if (foreign !== undefined)
      throw fail(`${flag} "${text}": ${foreign} does not go with type=bind`, flag, MOUNT_FORM);
    return { type, source: sourcePath(flag, text, given.get('source') ?? ''), target, readOnly };
  }
  if (type !== 'tmpfs') {
    const why =
      type === undefined ? 'has no type' : `has the type "${type}", and only bind and tmpfs are there yet`;
    throw fail(`${flag} "${text}" ${why}`, flag, MOUNT_FORM);
  }
  if (given.has('source'))
    throw fail(`${flag} "${text}": source does not go with type=tmpfs`, flag, MOUNT_FORM);
  const size = given.get('tmpfs-size');
  const mode = given.get('tmpfs-mode');
  return {
    type,
    target,
    readOnly,
    ...(size === undefined ? {} : { sizeBytes: parseSize('tmpfs-size', size) }),
    ...(mode === undefined ? {} : { mode: octal(flag, text, mode) }),
  };
}

function boolField(flag: string, text: string, value: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw fail(`${flag} "${text}": readonly is true or false, not "${value}"`, flag, MOUNT_FORM);
}

function octal(flag: string, text: string, mode: string): number {
  if (!/^[0-7]{1,5}$/.test(mode) || Number.parseInt(mode, 8) > 0o7777) {
    throw fail(`${flag} "${text}": "${mode}" is no octal mode`, flag, 'give for example mode 1777 or 0755');
  }
  return Number.parseInt(mode, 8);
}

/** Options of tmpfs(5) and mount(8) that are passed on. */
const TMPFS_PASSED =
  /^(no)?(exec|suid|dev|atime|diratime)$|^(relatime|strictatime|nr_inodes=\d+k?|nr_blocks=\d+k?|uid=\d+|gid=\d+)$/;

/** `--tmpfs /run[:size=64m,mode=1777,…]`. */
export function parseTmpfs(flag: string, text: string): MountSpec {
  const colon = text.indexOf(':');
  const target = targetPath(flag, text, colon < 0 ? text : text.slice(0, colon), TMPFS_FORM);
  const words = colon < 0 ? [] : text.slice(colon + 1).split(',');
  const spec: { -readonly [K in keyof (MountSpec & { type: 'tmpfs' })]: (MountSpec & { type: 'tmpfs' })[K] } =
    {
      type: 'tmpfs',
      target,
      readOnly: false,
    };
  const options: string[] = [];
  for (const word of words.filter((item) => item !== '')) {
    if (word.startsWith('size=')) spec.sizeBytes = parseSize(`${flag} size`, word.slice(5));
    else if (word.startsWith('mode=')) spec.mode = octal(flag, text, word.slice(5));
    else if (word === 'ro' || word === 'rw') spec.readOnly = word === 'ro';
    else if (TMPFS_PASSED.test(word)) options.push(word);
    else throw fail(`${flag} "${text}": unknown option "${word}"`, flag, TMPFS_FORM);
  }
  if (options.length > 0) spec.options = options;
  return spec;
}
