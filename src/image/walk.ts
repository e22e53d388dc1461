import { MydockerError } from '../base/index.ts';

/*
 * Reads what the shim's `walk` operation writes: one record for each file of a tree, depth first, a directory
 * before what it holds, names in byte order. Little-endian; drawn here, written by native/.
 *
 *   record  u32 bytes of the record after this field, without content
 *           u32 mode | u32 uid | u32 gid | u64 dev | u64 ino | u32 nlink | u32 content: 0 none, 1 whole, 2 pieces
 *           u32 rdev major | u32 rdev minor | i64 mtime seconds | u32 its nanoseconds | u64 size
 *           u32 length, path | u32 length, link target | u32 count, then each: u32 length, name, u32 length, value
 *   whole   `size` bytes
 *   pieces  u32 count, then each: u64 offset | u64 length; then what they hold: all else is holes
 */

/** One file of a walked tree. Strings hold one byte in each character (latin1). */
export interface WalkRecord {
  /** "" for the tree's own root; never begins with "/". */
  path: string;
  /** With the file type: inode(7). */
  mode: number;
  uid: number;
  gid: number;
  dev: bigint;
  ino: bigint;
  nlink: number;
  content: 'none' | 'whole' | 'pieces';
  rdevMajor: number;
  rdevMinor: number;
  /** Whole seconds, and the nanoseconds beyond them. */
  mtimeS: number;
  mtimeNs: number;
  size: number;
  linkName: string;
  xattrs: Array<readonly [name: string, value: Buffer]>;
}

/** A stretch of a file that is no hole, in bytes. */
export interface Piece {
  offset: number;
  length: number;
}

/** One file with its content; content that was not taken is skipped. */
export interface WalkedFile {
  record: WalkRecord;
  /** Of a file with holes what is none; undefined: all of it. */
  pieces: readonly Piece[] | undefined;
  content: AsyncGenerator<Buffer>;
}

const CONTENTS = ['none', 'whole', 'pieces'] as const;
const MAX_PIECES = 1 << 20;

/** A record larger than this is a damaged stream: paths end at 4 kB, attribute values at 64 kB each. */
const MAX_RECORD_BYTES = 16 * 1024 * 1024;

function damaged(why: string): MydockerError {
  return new MydockerError('INTERNAL', `cannot read the list of files from the shim: ${why}`, {
    remedy: 'please report this',
  });
}

/** Takes exact numbers of bytes from a stream of chunks. */
class ByteReader {
  private readonly iterator: AsyncIterator<Buffer>;
  private chunk: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `limit`, or undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.chunk.length === 0) {
      const next = await this.iterator.next();
      if (next.done === true) return undefined;
      this.chunk = next.value;
    }
    const part = this.chunk.subarray(0, limit);
    this.chunk = this.chunk.subarray(part.length);
    return part;
  }

  /** Exactly `size` bytes; undefined when the stream ended before the first. */
  async exactly(size: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let missing = size;
    while (missing > 0) {
      const part = await this.some(missing);
      if (part === undefined) {
        if (parts.length === 0) return undefined;
        throw damaged('it ends in the middle');
      }
      parts.push(part);
      missing -= part.length;
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }

  /** Ends the source early. */
  async stop(): Promise<void> {
    await this.iterator.return?.();
  }
}

function decodeRecord(bytes: Buffer): WalkRecord {
  let at = 0;
  const take = (size: number) => {
    if (at + size > bytes.length) throw damaged('a record is shorter than its parts');
    at += size;
    return bytes.subarray(at - size, at);
  };
  const u32 = () => take(4).readUInt32LE();
  const u64 = () => take(8).readBigUInt64LE();
  const blob = () => take(u32());
  const [mode, uid, gid, dev, ino] = [u32(), u32(), u32(), u64(), u64()];
  const [nlink, content, rdevMajor, rdevMinor] = [u32(), CONTENTS[u32()], u32(), u32()];
  if (content === undefined) throw damaged('a content of an unknown kind');
  const [mtimeS, mtimeNs] = [Number(BigInt.asIntN(64, u64())), u32()];
  const size = Number(u64());
  const [path, linkName] = [blob().toString('latin1'), blob().toString('latin1')];
  const xattrs: WalkRecord['xattrs'] = [];
  for (let left = u32(); left > 0; left--) xattrs.push([blob().toString('latin1'), Buffer.from(blob())]);
  if (at !== bytes.length) throw damaged('a record is longer than its parts');
  return {
    ...{ path, mode, uid, gid, dev, ino, nlink, content },
    ...{ rdevMajor, rdevMinor, mtimeS, mtimeNs, size, linkName, xattrs },
  };
}

/**
 * Reads a walk, one record at a time, each with its content; content that was not taken is skipped.
 * Throws MydockerError INTERNAL for a damaged stream; errors of the source come through.
 */
export async function* readWalk(source: AsyncIterable<Buffer>): AsyncGenerator<WalkedFile> {
  const reader = new ByteReader(source);
  try {
    for (let isFirst = true; ; isFirst = false) {
      const head = await reader.exactly(4);
      // Every walk begins with the tree's own root: a stream without it was lost, and is no empty tree.
      if (head === undefined && isFirst) throw damaged('it is empty');
      if (head === undefined) return;
      const length = head.length === 4 ? head.readUInt32LE() : 0;
      if (length === 0 || length > MAX_RECORD_BYTES) throw damaged('a record has an impossible length');
      const bytes = await reader.exactly(length);
      if (bytes === undefined) throw damaged('it ends in the middle');
      const record = decodeRecord(bytes);
      const pieces = record.content === 'pieces' ? await readPieces(reader, record.size) : undefined;
      const bytesHere = pieces?.reduce((sum, { length }) => sum + length, 0) ?? record.size;
      const content = contentOf(reader, record.content === 'none' ? 0 : bytesHere);
      yield { record, pieces, content };
      for await (const _ of content);
    }
  } finally {
    await reader.stop();
  }
}

async function readPieces(reader: ByteReader, size: number): Promise<Piece[]> {
  const count = (await reader.exactly(4))?.readUInt32LE() ?? 0;
  if (count > MAX_PIECES) throw damaged('a file has an impossible number of pieces');
  const bytes = (count === 0 ? Buffer.alloc(0) : await reader.exactly(16 * count)) ?? Buffer.alloc(0);
  let end = 0;
  const pieces = Array.from({ length: bytes.length / 16 }, (_, i): Piece => {
    const piece = {
      offset: Number(bytes.readBigUInt64LE(16 * i)),
      length: Number(bytes.readBigUInt64LE(16 * i + 8)),
    };
    if (piece.offset < end || piece.offset + piece.length > size) throw damaged('pieces of a file overlap');
    end = piece.offset + piece.length;
    return piece;
  });
  if (pieces.length !== count) throw damaged('it ends in the middle of a file');
  return pieces;
}

async function* contentOf(reader: ByteReader, size: number): AsyncGenerator<Buffer> {
  for (let missing = size; missing > 0; ) {
    const part = await reader.some(missing);
    if (part === undefined) throw damaged('it ends in the middle of a file');
    missing -= part.length;
    yield part;
  }
}
