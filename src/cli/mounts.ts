import { statSync } from 'node:fs';
import { badInput, errnoOf } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import type { IdMapping, IdMaps, MountSpec, Propagation } from '../engine/types.ts';
import { warn } from './out.ts';

const VOLUME_FORM =
  'give a host path or the name of a volume, and a container path, for example -v /srv/data:/data, -v ./conf:/etc/app:ro or -v data:/data';

/** A refusal of one option's value. */
export function fail(what: string, flag: string, remedy: string): Error {
  return badInput(what, { subject: flag, remedy });
}

const PROPAGATION = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']);
/** Of Docker Desktop: without meaning on Linux, there too. */
const CONSISTENCY = new Set(['cached', 'delegated', 'consistent', 'default']);

export function isPropagation(word: string): word is Propagation {
  return PROPAGATION.has(word);
}

export function isConsistency(word: string): boolean {
  return CONSISTENCY.has(word);
}

interface Modes {
  readOnly: boolean;
  propagation?: Propagation;
  noCopy?: true;
  idmap?: true | IdMaps;
}

/** "uids=1000-0-1#…;gids=…": on the disk, seen inside, how many. */
function parseIdmap(flag: string, text: string, value: string): IdMaps {
  const maps: IdMaps = { uids: [], gids: [] };
  for (const part of value.split(';')) {
    const [, kind = '', list = ''] = /^(uids|gids)=(.+)$/.exec(part) ?? [];
    const rows = list.split('#').map((row) => /^(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(row));
    if (kind === '' || rows.some((row) => row === null || Number(row[3]) === 0))
      throw fail(
        `${flag} "${text}": "${part}" is no map of ids`,
        flag,
        'give idmap=uids=1000-0-1;gids=1000-0-1: on the disk, inside, how many; several with "#"',
      );
    maps[kind as keyof IdMaps] = rows.map(
      (row): IdMapping => ({
        containerID: Number(row?.[1]),
        hostID: Number(row?.[2]),
        size: Number(row?.[3]),
      }),
    );
  }
  return maps;
}

function parseModes(flag: string, text: string, words: readonly string[]): Modes {
  const modes: Modes = { readOnly: words.includes('ro') };
  const once = (condition: boolean, why: string): void => {
    if (condition) throw fail(`${flag} "${text}": ${why}`, flag, 'leave one of them out');
  };
  once(words.includes('ro') && words.includes('rw'), 'ro and rw contradict each other');
  for (const word of words) {
    if (word === 'ro' || word === 'rw' || CONSISTENCY.has(word)) continue;
    if (word === 'z' || word === 'Z')
      warn(`${flag} "${text}": ${word} is ignored: SELinux labels are not set here`);
    else if (isPropagation(word)) {
      once(modes.propagation !== undefined, 'two kinds of propagation');
      modes.propagation = word;
    } else if (word === 'nocopy') modes.noCopy = true;
    else if (word === 'idmap') modes.idmap = true;
    else if (word.startsWith('idmap=')) modes.idmap = parseIdmap(flag, text, word.slice('idmap='.length));
    else
      throw fail(
        `${flag} "${text}": "${word}" is neither ro nor rw, nor any other option of a volume`,
        flag,
        'there are ro, rw, rprivate, rslave, rshared, nocopy, idmap, z and Z',
      );
  }
  return modes;
}

function isPath(source: string): boolean {
  return /^(\/|\.\.?(\/|$))/.test(source);
}

/**
 * `-v SRC:DST[:OPTIONS]`, or `-v DST`. A host path must exist: a typing error would otherwise mount an empty directory.
 */
export function parseVolume(flag: string, text: string): MountSpec {
  const parts = text.split(':');
  if (parts.length > 3) throw fail(`${flag} "${text}" has more than three parts`, flag, VOLUME_FORM);
  if (parts.length === 1)
    return { type: 'volume', target: targetPath(flag, text, text, VOLUME_FORM), readOnly: false };
  const [source = '', target = '', mode = 'rw'] = parts;
  const modes = parseModes(flag, text, mode.split(','));
  if (isPath(source)) {
    const { noCopy, ...bind } = modes;
    if (noCopy === true) throw fail(`${flag} "${text}": nocopy goes with volumes only`, flag, 'leave it out');
    const path = sourcePath(flag, text, source);
    return { type: 'bind', source: path, target: targetPath(flag, text, target, VOLUME_FORM), ...bind };
  }
  if (source === '') throw fail(`${flag} "${text}" has no host path and no name`, flag, VOLUME_FORM);
  const { propagation, idmap, ...volume } = modes;
  if (propagation !== undefined || idmap !== undefined)
    throw fail(
      `${flag} "${text}": ${propagation ?? 'idmap'} goes with host paths only`,
      flag,
      `to mount a directory write ${flag} ./${source}:…, or give its absolute path`,
    );
  return {
    type: 'volume',
    name: volumeName(flag, text, source),
    target: targetPath(flag, text, target, VOLUME_FORM),
    ...volume,
  };
}

export function volumeName(flag: string, text: string, name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) return name;
  throw fail(
    `${flag} "${text}": "${name}" is neither a path nor the name of a volume`,
    flag,
    `to mount a directory write ${flag} ./${name}:…, or give its absolute path; names have two or more of letters, digits, "_", "." and "-"`,
  );
}

/** An absolute path of the host that exists. */
export function sourcePath(flag: string, text: string, source: string): string {
  if (source === '') throw fail(`${flag} "${text}" has no host path`, flag, VOLUME_FORM);
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

/** Where something is mounted: an absolute path, and not the root itself. */
export function targetPath(flag: string, text: string, target: string, form: string): string {
  const path = builtin('node:path')
    .posix.normalize(target)
    .replace(/(.)\/$/, '$1');
  if (!target.startsWith('/'))
    throw fail(`${flag} "${text}": the container path "${target}" is not absolute`, flag, form);
  if (path === '/')
    throw fail(`${flag} "${text}": nothing can be mounted over the whole root "/"`, flag, form);
  return path;
}
