/** What a tar entry can be; sockets are in no tar. */
export type EntryType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'link'
  | 'character-device'
  | 'block-device'
  | 'fifo';

/**
 * One entry of a layer. Strings of names and link targets hold one byte in each character (latin1): file names
 * are bytes.
 */
export interface TarEntry {
  name: string;
  type: EntryType;
  /** Permission bits with setuid, setgid and sticky; no file type. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content, holes of a sparse file included; 0 unless a file. */
  size: number;
  /** Whole seconds since 1970, rounded down; may be negative. */
  mtimeS: number;
  /** Nanoseconds of that second, 0 to 999,999,999: a number of seconds with a fraction would not hold them all. */
  mtimeNs: number;
  /** Target of a symlink or of a hard link (then a name in the same tar); "" otherwise. */
  linkName: string;
  devMajor: number;
  devMinor: number;
  xattrs: ReadonlyArray<readonly [name: string, value: Buffer]>;
}

/** An entry with everything unsaid at its plainest. */
export function tarEntry(
  name: string,
  type: EntryType,
  mode: number,
  more: Partial<TarEntry> = {},
): TarEntry {
  const plain = {
    uid: 0,
    gid: 0,
    size: 0,
    mtimeS: 0,
    mtimeNs: 0,
    linkName: '',
    devMajor: 0,
    devMinor: 0,
    xattrs: [],
  };
  return { name, type, mode, ...plain, ...more };
}
