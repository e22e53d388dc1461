import { badLayer } from './bad-layer.ts';
import type { TarHeader } from './tar-header.ts';

/*
 * pax extended headers, pax(1) "pax Extended Header": records that overrule the fields of the next entry, or, in a
 * global header, of all that follow. Values are bytes: security.capability is no text.
 */

/** Records in their order; a key may come several times (GNU sparse files, version 0.0). */
export type PaxRecords = ReadonlyArray<readonly [key: string, value: string]>;

/** pax records, "<length> key=value\n", one byte in each character. Throws BAD_LAYER. */
export function decodePaxRecords(buffer: Buffer): PaxRecords {
  const records: Array<readonly [string, string]> = [];
  for (let at = 0; at < buffer.length; ) {
    const space = buffer.indexOf(32, at);
    const digits = space < 0 || space > at + 16 ? '' : buffer.toString('latin1', at, space);
    const end = at + Number(digits);
    const equals = buffer.indexOf(61, space);
    // NULs after the last record: some writers fill the block with them, and count them.
    if (buffer[at] === 0) break;
    if (
      !/^\d+$/.test(digits) ||
      end > buffer.length ||
      equals < 0 ||
      equals >= end ||
      buffer[end - 1] !== 10
    ) {
      throw badLayer('an extended header is malformed');
    }
    records.push([
      buffer.toString('latin1', space + 1, equals),
      buffer.toString('latin1', equals + 1, end - 1),
    ]);
    at = end;
  }
  return records;
}

/** What records say about an entry. */
export interface PaxFacts {
  mtimeNs: number;
  xattrs: Array<readonly [name: string, value: Buffer]>;
  /** The records of a sparse file: keys without "GNU.sparse.". */
  sparse: Array<readonly [key: string, value: string]>;
}

const XATTR = 'SCHILY.xattr.';
const BASE64_XATTR = 'LIBARCHIVE.xattr.';
const SPARSE = 'GNU.sparse.';

function integer(key: string, value: string): number {
  const number = Number(value);
  if (/^-?\d+$/.test(value) && Number.isSafeInteger(number)) return number;
  throw badLayer(`the extended header's ${key} is no number`);
}

/** "12.5", "-1.25": whole seconds rounded down, and nanoseconds; further digits are cut, as tar does. */
export function parseTime(value: string): { mtimeS: number; mtimeNs: number } {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(value);
  if (match === null) throw badLayer('the extended header’s time is no number');
  const seconds = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { mtimeS: seconds, mtimeNs: nanoseconds };
  if (nanoseconds === 0) return { mtimeS: seconds === 0 ? 0 : -seconds, mtimeNs: 0 };
  return { mtimeS: -seconds - 1, mtimeNs: 1e9 - nanoseconds };
}

/** Puts records onto a header's fields, later ones over earlier. An empty value takes a global one back. */
export function applyPax(header: TarHeader, records: PaxRecords): PaxFacts {
  const before = { ...header };
  const facts: PaxFacts = { mtimeNs: 0, xattrs: [], sparse: [] };
  const xattrs = new Map<string, Buffer>();
  for (const [key, value] of records) {
    if (key === 'path') header.name = value || before.name;
    else if (key === 'linkpath') header.linkName = value || before.linkName;
    else if (key === 'size' || key === 'uid' || key === 'gid') {
      header[key] = value === '' ? before[key] : integer(key, value);
    } else if (key === 'mtime') {
      const time = value === '' ? { mtimeS: before.mtimeS, mtimeNs: 0 } : parseTime(value);
      header.mtimeS = time.mtimeS;
      facts.mtimeNs = time.mtimeNs;
    } else if (key.startsWith(XATTR)) xattrs.set(key.slice(XATTR.length), Buffer.from(value, 'latin1'));
    else if (key.startsWith(BASE64_XATTR)) {
      const name = unescapeName(key.slice(BASE64_XATTR.length));
      // libarchive writes both forms; this one is for names that the other cannot spell.
      if (!xattrs.has(name)) xattrs.set(name, Buffer.from(value, 'base64'));
    } else if (key.startsWith(SPARSE)) facts.sparse.push([key.slice(SPARSE.length), value]);
  }
  facts.xattrs = [...xattrs];
  return facts;
}

/** libarchive writes "%3D" for "=". */
function unescapeName(name: string): string {
  return name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
