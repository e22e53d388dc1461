/** For tests: all entries of a tar with their content; holes of sparse files as zeros. */
import type { TarEntry } from './tar-entry.ts';
import { TarReader } from './tar-read.ts';

/** Throws as TarReader does. */
export async function readEntries(
  source: AsyncIterable<Buffer>,
): Promise<Array<{ entry: TarEntry; content: Buffer }>> {
  const list: Array<{ entry: TarEntry; content: Buffer }> = [];
  let parts: Buffer[] = [];
  let last: TarEntry | undefined;
  const reader = new TarReader({
    entry(entry) {
      parts = [];
      last = entry;
    },
    data: (chunk) => parts.push(Buffer.from(chunk)),
    hole: (bytes) => parts.push(Buffer.alloc(bytes)),
    end() {
      if (last !== undefined) list.push({ entry: last, content: Buffer.concat(parts) });
    },
  });
  for await (const chunk of source) reader.write(chunk);
  reader.finish();
  return list;
}
