import { MydockerError } from '../base/index.ts';
import type { EntryType, TarEntry } from './tar-entry.ts';

/** The error for a tar that cannot become a layer. `why` is one clause. */
export function badLayer(why: string, cause?: unknown): MydockerError {
  return new MydockerError('BAD_LAYER', `cannot unpack the archive: ${why}`, {
    remedy: 'make it again with "tar -cf FILE.tar -C DIRECTORY ."',
    cause,
  });
}

/** What tar-stream gives for an entry. */
interface RawHeader {
  name: string;
  type: string | null;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: Date;
  linkname: string | null;
  devmajor: number;
  devminor: number;
  pax: Record<string, string> | null;
}

/** tar-stream's extract as it is used here: its declared type lacks the options, and the fields keepPaxRaw needs. */
interface Extract extends AsyncIterable<AsyncIterable<Buffer> & { header: RawHeader; resume(): void }> {
  readonly destroyed: boolean;
  write(data: Buffer): boolean;
  end(): void;
  destroy(error?: Error): void;
  on(event: 'drain' | 'close', listener: () => void): void;
  off(event: 'drain' | 'close', listener: () => void): void;
  _header: { type: string };
  _pax: Record<string, string> | null;
  _paxGlobal: Record<string, string> | null;
  _decodeLongHeader(buffer: Buffer): void;
}

const XATTR = 'SCHILY.xattr.';
const TYPES: Readonly<Record<string, EntryType>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'link',
  'character-device': 'character-device',
  'block-device': 'block-device',
  fifo: 'fifo',
};

/** pax records, "<length> key=value\n", one byte in each character of the values. pax(1). */
export function decodePaxRecords(buffer: Buffer): Record<string, string> {
  const records: Record<string, string> = Object.create(null);
  for (let at = 0; at < buffer.length; ) {
    const space = buffer.indexOf(32, at);
    const length = Number(buffer.toString('latin1', at, space));
    const equals = buffer.indexOf(61, space);
    const end = at + length;
    if (space < 0 || !Number.isInteger(length) || equals < 0 || equals >= end || end > buffer.length) {
      throw badLayer('an extended header is malformed');
    }
    records[buffer.toString('utf8', space + 1, equals)] = buffer.toString('latin1', equals + 1, end - 1);
    at = end;
  }
  return records;
}

/** tar-stream reads pax records as UTF-8, which destroys binary values (security.capability) and raw names. */
function keepPaxRaw(extract: Extract): void {
  const decode = extract._decodeLongHeader;
  if (typeof decode !== 'function') throw new Error('tar-stream has no _decodeLongHeader: see keepPaxRaw');
  extract._decodeLongHeader = (buffer) => {
    if (extract._header.type === 'pax-header') {
      extract._pax = { ...extract._paxGlobal, ...decodePaxRecords(buffer) };
    } else if (extract._header.type === 'pax-global-header') extract._paxGlobal = decodePaxRecords(buffer);
    else decode.call(extract, buffer);
  };
}

function numberOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  return Number.isFinite(value) ? value : otherwise;
}

function idOf(value: number, what: string, name: string): number {
  // 0xffffffff means "leave it" to chown(2).
  if (Number.isInteger(value) && value >= 0 && value < 0xffffffff) return value;
  throw badLayer(`the ${what} of "${name}" is out of range`);
}

function entryOf(header: RawHeader): TarEntry {
  const pax = header.pax ?? {};
  const type = TYPES[header.type ?? ''];
  if (type === undefined) throw badLayer(`"${header.name}" is of a type no layer can hold`);
  if (pax['GNU.sparse.major'] !== undefined) throw badLayer(`"${header.name}" is stored as a sparse file`);
  const linkName = header.linkname ?? '';
  if (`${header.name}${linkName}`.includes('\0')) throw badLayer('a name holds a NUL byte');
  const xattrs = Object.entries(pax).flatMap(([key, value]) =>
    key.startsWith(XATTR) ? [[key.slice(XATTR.length), Buffer.from(value, 'latin1')] as const] : [],
  );
  return {
    name: header.name,
    type,
    mode: header.mode & 0o7777,
    uid: idOf(numberOf(pax.uid, header.uid), 'owner', header.name),
    gid: idOf(numberOf(pax.gid, header.gid), 'group', header.name),
    size: type === 'file' ? header.size : 0,
    mtimeS: numberOf(pax.mtime, header.mtime.getTime() / 1000) || 0,
    linkName,
    devMajor: header.devmajor,
    devMinor: header.devminor,
    xattrs,
  };
}

/** Resolves when more can be written, or when the stream has ended and nothing can. */
function drained(extract: Extract): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      extract.off('drain', done);
      extract.off('close', done);
      resolve();
    };
    extract.on('drain', done);
    extract.on('close', done);
  });
}

/** An entry's content; the stream's own error, which may be none at all, becomes the reason readable to a user. */
async function* contentOf(stream: AsyncIterable<Buffer> & { header: RawHeader }): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of stream) {
      bytes += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw cutShort(error);
  }
  if (bytes < stream.header.size) throw cutShort(undefined);
}

function cutShort(cause: unknown): MydockerError {
  return badLayer('it ends in the middle of an entry', cause);
}

async function* counted(
  source: AsyncIterable<Buffer>,
  count: (bytes: number) => void,
): AsyncIterable<Buffer> {
  for await (const chunk of source) {
    count(chunk.length);
    yield chunk;
  }
}

/**
 * Reads an uncompressed tar (ustar, pax, GNU, V7) to its last byte and hands over each entry with its content,
 * which `visit` must consume or leave. Throws MydockerError BAD_LAYER for what is no tar; errors of the source
 * and of `visit` come through as they are.
 */
export async function readTar(
  source: AsyncIterable<Buffer>,
  visit: (entry: TarEntry, content: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const { extract: create } = await import('tar-stream');
  const open = create as unknown as (options: object) => Extract;
  const extract = open({ filenameEncoding: 'latin1', allowUnknownFormat: true });
  keepPaxRaw(extract);
  let bytes = 0;
  let foreign: unknown;
  const pump = (async () => {
    try {
      for await (const chunk of counted(source, (n) => (bytes += n))) {
        if (extract.destroyed) return;
        if (!extract.write(chunk)) await drained(extract);
      }
      extract.end();
    } catch (error) {
      foreign = error;
      extract.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  })();
  try {
    for await (const stream of extract) {
      try {
        await visit(entryOf(stream.header), contentOf(stream));
      } catch (error) {
        foreign ??= error;
        throw error;
      }
      stream.resume();
    }
    await pump;
  } catch (error) {
    extract.destroy();
    await pump;
    throw foreign ?? notTar(error);
  }
  if (foreign !== undefined) throw foreign;
  if (bytes === 0) throw badLayer('it is empty');
}

function notTar(error: unknown): MydockerError {
  if (error instanceof MydockerError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (text === 'Unexpected end of data') return cutShort(error);
  return badLayer('it is no tar archive, or a damaged one', error);
}
