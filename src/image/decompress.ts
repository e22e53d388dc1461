import { badLayer } from './bad-layer.ts';
import { zstdFrames } from './zstd-frames.ts';

/** Compressions that layers are not stored in, though files are. */
const FOREIGN: ReadonlyArray<readonly [magic: string, name: string]> = [
  ['fd377a585a00', 'xz'],
  ['425a68', 'bzip2'],
  ['04224d18', 'lz4'],
];
const CHUNK_BYTES = 256 * 1024;

/** Gathers at least `size` bytes, unless the source ends before. */
async function head(iterator: AsyncIterator<Buffer>, size: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (bytes.length < size) {
    const next = await iterator.next();
    if (next.done === true) break;
    bytes = Buffer.concat([bytes, next.value]);
  }
  return bytes;
}

async function* rest(first: Buffer, iterator: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) return;
    yield next.value;
  }
}

/** Sends the source through a decompressor of node:zlib. The source's own errors come through as they are. */
async function* inflated(
  source: AsyncIterable<Buffer>,
  stream: NodeJS.ReadWriteStream,
  name: string,
): AsyncGenerator<Buffer> {
  const { pipeline, Readable } = await import('node:stream');
  let ofSource: { error: unknown } | undefined;
  const watched = (async function* () {
    try {
      yield* source;
    } catch (error) {
      ofSource = { error };
      throw error;
    }
  })();
  pipeline(Readable.from(watched), stream, () => {});
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    if (ofSource !== undefined) throw ofSource.error;
    throw badLayer(`its ${name} data is damaged or cut short`, error);
  }
}

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { createGunzip } = await import('node:zlib');
  yield* inflated(source, createGunzip({ chunkSize: CHUNK_BYTES }), 'gzip');
}

/** Node 20 has no zstd: there a package does it, at a fraction of the speed. docs/adr/0008-dependencies.md. */
async function* unzstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const zlib = (await import('node:zlib')) as unknown as {
    createZstdDecompress?: (options: object) => NodeJS.ReadWriteStream;
  };
  const frames = zstdFrames(source);
  if (zlib.createZstdDecompress !== undefined) {
    yield* inflated(frames, zlib.createZstdDecompress({ chunkSize: CHUNK_BYTES }), 'zstd');
    return;
  }
  const { Decompress } = await import('fzstd');
  let out: Buffer[] = [];
  const decoder = new Decompress((data) => out.push(Buffer.from(data)));
  const push = (data: Uint8Array, isLast: boolean): Buffer[] => {
    out = [];
    try {
      decoder.push(data, isLast);
    } catch (error) {
      throw badLayer('its zstd data is damaged or cut short', error);
    }
    return out;
  };
  for await (const chunk of frames) yield* push(chunk, false);
  yield* push(new Uint8Array(0), true);
}

/**
 * The bytes of a tar that may be compressed with gzip or zstd, which its first bytes tell, whatever a media type says.
 * Throws BAD_LAYER for other compressions and for damaged data.
 */
export async function* decompressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const first = await head(iterator, 6);
    const magic = first.toString('hex', 0, 6);
    for (const [begin, name] of FOREIGN) {
      if (magic.startsWith(begin))
        throw badLayer(`it is compressed with ${name}; only gzip and zstd are understood here`);
    }
    const whole = rest(first, iterator);
    if (magic.startsWith('1f8b')) yield* gunzip(whole);
    // A skippable frame may come first: RFC 8878, section 3.1.2.
    else if (magic.startsWith('28b52ffd') || /^5.2a4d18/.test(magic)) yield* unzstd(whole);
    else yield* whole;
  } finally {
    await iterator.return?.();
  }
}
