/** Writes tar archives byte by byte, wrong ones too: what no tar program would write. */

/** Fields of a header as they shall stand there; Buffers and text (one byte a character) go in as they are. */
export interface RawEntry {
  name: string;
  /** "0" file (default), "1" hard link, "2" symlink, "3" "4" devices, "5" directory, "L", "x" … */
  flag?: string;
  link?: string;
  data?: Buffer | string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtimeS?: number;
  /** Instead of the length of the data. */
  size?: string;
  major?: number;
  minor?: number;
  magic?: string;
  prefix?: string;
  /** Instead of the right sum. */
  sum?: string;
}

const BLOCK = 512;
const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;

function block(entry: RawEntry, length: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  const put = (text: string, at: number, width: number): void => {
    header.write(text, at, width, 'latin1');
  };
  put(entry.name, 0, 100);
  put(octal(entry.mode ?? 0o644, 8), 100, 8);
  put(octal(entry.uid ?? 0, 8), 108, 8);
  put(octal(entry.gid ?? 0, 8), 116, 8);
  put(entry.size ?? octal(length, 12), 124, 12);
  put(octal(entry.mtimeS ?? 1, 12), 136, 12);
  put(' '.repeat(8), 148, 8);
  put(entry.flag ?? '0', 156, 1);
  put(entry.link ?? '', 157, 100);
  put(entry.magic ?? 'ustar\x0000', 257, 8);
  put(octal(entry.major ?? 0, 8), 329, 8);
  put(octal(entry.minor ?? 0, 8), 337, 8);
  put(entry.prefix ?? '', 345, 155);
  let sum = 0;
  for (const byte of header) sum += byte;
  put(entry.sum ?? `${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return header;
}

/** One entry with its content. */
export function rawEntry(entry: RawEntry): Buffer {
  const data =
    typeof entry.data === 'string' ? Buffer.from(entry.data, 'latin1') : (entry.data ?? Buffer.alloc(0));
  const filling = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
  return Buffer.concat([block(entry, data.length), data, filling]);
}

/** An archive of these entries. */
export function rawTar(...entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(rawEntry), Buffer.alloc(2 * BLOCK)]);
}

/** A pax record, "<length> key=value\n". */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** The entry that says more of the next one. */
export function pax(...records: ReadonlyArray<readonly [key: string, value: string]>): RawEntry {
  return { name: 'pax', flag: 'x', data: records.map(([key, value]) => paxRecord(key, value)).join('') };
}

/** GNU's entry for a long name or link target of the next one. */
export function gnuLong(flag: 'L' | 'K', text: string): RawEntry {
  return { name: '././@LongLink', flag, data: `${text}\0` };
}
