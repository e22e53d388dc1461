import { badLayer } from './tar-read.ts';

const FOREIGN: ReadonlyArray<readonly [magic: string, name: string]> = [
  ['28b52ffd', 'zstd'],
  ['fd377a585a00', 'xz'],
  ['425a68', 'bzip2'],
];

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

async function* gunzip(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { createGunzip } = await import('node:zlib');
  const { pipeline, Readable } = await import('node:stream');
  const unzip = createGunzip();
  let ofSource: unknown;
  const watched = (async function* () {
    try {
      yield* source;
    } catch (error) {
      ofSource = error;
      throw error;
    }
  })();
  pipeline(Readable.from(watched), unzip, () => {});
  try {
    for await (const chunk of unzip) yield chunk as Buffer;
  } catch (error) {
    throw ofSource ?? badLayer('its gzip data is damaged or cut short', error);
  }
}

/** The bytes of a tar that may be gzipped, which its first bytes tell. Throws BAD_LAYER for other compressions. */
export async function* decompressed(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const first = await head(iterator, 6);
    const magic = first.toString('hex', 0, 6);
    for (const [begin, name] of FOREIGN) {
      if (magic.startsWith(begin))
        throw badLayer(`it is compressed with ${name}; only gzip is understood here`);
    }
    const whole = rest(first, iterator);
    if (magic.startsWith('1f8b')) yield* gunzip(whole);
    else yield* whole;
  } finally {
    await iterator.return?.();
  }
}
