import { decompressed } from './decompress.ts';
import { beyondLimit, type LayerLimits, RATIO_FROM_BYTES } from './limits.ts';

const BYTES_VARIABLE = 'MYDOCKER_MAX_LAYER_BYTES';

/** Hands a tar's bytes on and shows them to `take` first. Throws LAYER_LIMIT when there are too many. */
export async function* metered(
  tar: AsyncIterable<Buffer>,
  limits: LayerLimits,
  take: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of tar) {
    bytes += chunk.length;
    if (bytes > limits.maxBytes) {
      throw beyondLimit(`its tar is longer than ${limits.maxBytes} bytes`, BYTES_VARIABLE);
    }
    take(chunk);
    yield chunk;
  }
}

/** The tar in a compressed blob, under all limits: a few bytes can stand for very many. */
export function unpackedBytes(
  compressed: AsyncIterable<Buffer>,
  limits: LayerLimits,
  take: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  let read = 0;
  let written = 0;
  const counted = (async function* () {
    for await (const chunk of compressed) {
      read += chunk.length;
      yield chunk;
    }
  })();
  return metered(decompressed(counted), limits, (chunk) => {
    written += chunk.length;
    if (written > RATIO_FROM_BYTES && written > limits.maxRatio * read) {
      throw beyondLimit(`it is over ${limits.maxRatio} times as long as its compressed blob`, BYTES_VARIABLE);
    }
    take(chunk);
  });
}
