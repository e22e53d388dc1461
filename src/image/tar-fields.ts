import { excerpt } from '../base/index.ts';
import { badLayer } from './bad-layer.ts';
import type { EntryType, TarEntry } from './tar-entry.ts';
import type { TarHeader } from './tar-header.ts';
import type { PaxFacts } from './tar-pax.ts';

const TYPES: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  D: 'directory',
  '6': 'fifo',
};

function idOf(value: number, what: string, name: string): number {
  // 0xffffffff means "leave it" to chown(2).
  if (Number.isInteger(value) && value >= 0 && value < 0xffffffff) return value;
  throw badLayer(`the ${what} of "${excerpt(name)}" is out of range`);
}

/** An entry of a header's fields and the records before it. Throws BAD_LAYER for what no layer can hold. */
export function entryOf(header: TarHeader, facts: PaxFacts): TarEntry {
  const { name, linkName } = header;
  // V7 has no flag for directories.
  const isDirectory = header.flag === '0' && name.endsWith('/');
  const type = isDirectory ? 'directory' : TYPES[header.flag];
  if (type === undefined) throw badLayer(`"${excerpt(name)}" is of a type no layer can hold`);
  const names = [name, linkName, ...facts.xattrs.map(([key]) => key)];
  if (names.some((text) => text.includes('\0'))) throw badLayer('a name holds a NUL byte');
  return {
    name,
    type,
    mode: header.mode,
    uid: idOf(header.uid, 'owner', name),
    gid: idOf(header.gid, 'group', name),
    size: type === 'file' ? header.size : 0,
    mtimeS: header.mtimeS,
    mtimeNs: facts.mtimeNs,
    linkName,
    devMajor: header.devMajor,
    devMinor: header.devMinor,
    xattrs: facts.xattrs,
  };
}
