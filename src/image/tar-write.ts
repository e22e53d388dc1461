import type { EntryType, TarEntry } from './tar-entry.ts';
import type { Piece } from './walk.ts';

/*
 * Writes POSIX pax archives, pax(1): a 512-byte ustar header for each entry, before it an extended header where
 * ustar has no room. tar-stream's pack is not used: it takes names and extended attributes for UTF-8 text,
 * and a file name or the value of security.capability is neither.
 */
const BLOCK = 512;
const FLAG: Record<EntryType, string> = {
  file: '0',
  link: '1',
  symlink: '2',
  'character-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/** What ends an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

/** Zeros that fill the last block of a content of that size. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** Splits a name at a slash into ustar's prefix (155 bytes) and name (100 bytes); undefined when it does not fit. */
function splitName(name: string): [prefix: string, rest: string] | undefined {
  if (name.length <= 100) return ['', name];
  const slash = name.indexOf('/', name.length - 101);
  if (slash < 1 || slash > 155 || slash === name.length - 1) return undefined;
  return [name.slice(0, slash), name.slice(slash + 1)];
}

function octal(block: Buffer, value: number, at: number, width: number, max: number): void {
  const fits = Number.isInteger(value) && value >= 0 && value <= max;
  block.write((fits ? value : 0).toString(8).padStart(width - 1, '0'), at, 'latin1');
}

function ustar(entry: Omit<TarEntry, 'type' | 'xattrs' | 'mtimeNs'>, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, name] = splitName(entry.name) ?? ['', entry.name.slice(0, 100)];
  block.write(name, 0, 100, 'latin1');
  octal(block, entry.mode & 0o7777, 100, 8, MAX_OCTAL_7);
  octal(block, entry.uid, 108, 8, MAX_OCTAL_7);
  octal(block, entry.gid, 116, 8, MAX_OCTAL_7);
  octal(block, entry.size, 124, 12, MAX_OCTAL_11);
  octal(block, entry.mtimeS, 136, 12, MAX_OCTAL_11);
  block.write(flag, 156, 'latin1');
  block.write(entry.linkName, 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(block, entry.devMajor, 329, 8, MAX_OCTAL_7);
  octal(block, entry.devMinor, 337, 8, MAX_OCTAL_7);
  block.write(prefix, 345, 155, 'latin1');
  block.fill(' ', 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** "<length> key=value\n", where the length counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(` ${key}=`, 'latin1'), value, Buffer.from('\n')]);
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}

/** Seconds with a fraction as decimal digits; before 1970 the fraction counts away from it, as the sign does. */
function paxTime({ mtimeS, mtimeNs }: { mtimeS: number; mtimeNs: number }): string {
  if (mtimeNs === 0) return String(mtimeS);
  const [seconds, nanoseconds] = mtimeS < 0 ? [-mtimeS - 1, 1e9 - mtimeNs] : [mtimeS, mtimeNs];
  const fraction = String(nanoseconds).padStart(9, '0').replace(/0+$/, '');
  return `${mtimeS < 0 ? '-' : ''}${seconds}.${fraction}`;
}

function paxRecords(entry: TarEntry, name: string): Buffer[] {
  const records: Buffer[] = [];
  const text = (key: string, value: string | number) =>
    records.push(paxRecord(key, Buffer.from(String(value), 'latin1')));
  if (splitName(name) === undefined) text('path', name);
  if (entry.linkName.length > 100) text('linkpath', entry.linkName);
  if (entry.size > MAX_OCTAL_11) text('size', entry.size);
  if (entry.uid > MAX_OCTAL_7) text('uid', entry.uid);
  if (entry.gid > MAX_OCTAL_7) text('gid', entry.gid);
  if (entry.mtimeS < 0 || entry.mtimeS > MAX_OCTAL_11 || entry.mtimeNs !== 0) text('mtime', paxTime(entry));
  for (const [key, value] of entry.xattrs) records.push(paxRecord(`SCHILY.xattr.${key}`, value));
  return records;
}

/**
 * The header, or headers, of an entry; its content and tarPadding follow. Same entry, same bytes. `more`: further pax
 * records.
 */
export function tarHeader(entry: TarEntry, more: ReadonlyArray<readonly [string, string]> = []): Buffer {
  const name = entry.type === 'directory' && !entry.name.endsWith('/') ? `${entry.name}/` : entry.name;
  const header = ustar({ ...entry, name }, FLAG[entry.type]);
  const records = paxRecords(entry, name);
  for (const [key, value] of more) records.push(paxRecord(key, Buffer.from(value, 'latin1')));
  if (records.length === 0) return header;
  const pax = Buffer.concat(records);
  const plain = { uid: 0, gid: 0, mtimeS: 0, linkName: '', devMajor: 0, devMinor: 0 };
  const head = ustar({ ...plain, name: 'PaxHeaders/entry', mode: 0o644, size: pax.length }, 'x');
  return Buffer.concat([head, pax, tarPadding(pax.length), header]);
}

/**
 * What stands before the data of a file with holes, and how many bytes it has in the archive: the pieces, one after the
 * other, follow, then tarPadding of `storedBytes`. GNU tar's manual, "Storing Sparse Files", pax format 1.0.
 */
export function tarSparseHeader(
  entry: TarEntry,
  pieces: readonly Piece[],
): { header: Buffer; storedBytes: number } {
  const last = pieces.at(-1);
  // GNU tar learns the file's length from a last piece without bytes.
  const isEndHole = (last === undefined ? 0 : last.offset + last.length) < entry.size;
  const listed = isEndHole ? [...pieces, { offset: entry.size, length: 0 }] : pieces;
  const numbers = [listed.length, ...listed.flatMap((piece) => [piece.offset, piece.length])];
  const text = Buffer.from(numbers.map((number) => `${number}\n`).join(''));
  const map = Buffer.concat([text, tarPadding(text.length)]);
  const storedBytes = pieces.reduce((sum, { length }) => sum + length, map.length);
  const header = tarHeader({ ...entry, size: storedBytes }, [
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', entry.name],
    ['GNU.sparse.realsize', String(entry.size)],
  ]);
  return { header: Buffer.concat([header, map]), storedBytes };
}
