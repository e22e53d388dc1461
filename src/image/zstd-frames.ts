import { badLayer } from './bad-layer.ts';

/*
 * The frames of a zstd stream, RFC 8878 section 3.1. Skippable frames, which hold an index for other tools
 * ("zstd:chunked"), are taken out: not every decompressor of node:zlib passes over them.
 */
const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;

/** What the next bytes are; `left`: how many of them still go through, or are dropped, before the next head. */
type Place = 'frame' | 'block' | 'checksum';

/** Bytes of a frame's header after the magic: section 3.1.1.1. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const contentSize = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  return 1 + (isSingleSegment ? 0 : 1) + dictionary + contentSize;
}

class FrameSplitter {
  private place: Place = 'frame';
  private hasChecksum = false;
  /** Bytes that belong to what the last head announced. */
  private left = 0;
  private isDropping = false;
  private held = Buffer.alloc(0);

  /** Bytes of the next head; they are looked at together. */
  private get headBytes(): number {
    return this.place === 'frame' ? 8 : 3;
  }

  /** True between two frames. */
  get isBetween(): boolean {
    return this.place === 'frame' && this.left === 0 && this.held.length === 0;
  }

  *split(chunk: Buffer): Generator<Buffer> {
    let rest = this.held.length === 0 ? chunk : Buffer.concat([this.held, chunk]);
    this.held = Buffer.alloc(0);
    for (let from = 0; ; ) {
      // `from`: bytes that go through are given out in one piece as far as possible.
      const part = Math.min(this.left, rest.length - from);
      this.left -= part;
      if (part > 0 && !this.isDropping) yield rest.subarray(from, from + part);
      from += part;
      if (this.left > 0) return;
      if (this.place === 'checksum') this.next('frame', 4, false);
      else if (rest.length - from < this.headBytes) {
        this.held = Buffer.from(rest.subarray(from));
        return;
      } else this.head(rest.subarray(from, from + this.headBytes));
      if (this.left === 0 && rest.length === from) return;
      rest = rest.subarray(from);
      from = 0;
    }
  }

  private next(place: Place, bytes: number, isDropping: boolean): void {
    this.place = place;
    this.left = bytes;
    this.isDropping = isDropping;
  }

  private head(bytes: Buffer): void {
    const magic = this.place === 'frame' ? bytes.readUInt32LE(0) : 0;
    if (this.place === 'block') this.block(bytes.readUIntLE(0, 3));
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) this.next('frame', 8 + bytes.readUInt32LE(4), true);
    else if (magic === MAGIC) this.frame(bytes.readUInt8(4));
    else throw badLayer('its zstd data is damaged: there is no frame where one should begin');
  }

  private frame(descriptor: number): void {
    this.hasChecksum = (descriptor & 4) !== 0;
    this.next('block', 4 + headerBytes(descriptor), false);
  }

  private block(head: number): void {
    const isLast = (head & 1) !== 0;
    const isRunLength = ((head >> 1) & 3) === 1;
    const bytes = 3 + (isRunLength ? 1 : head >> 3);
    if (!isLast) this.next('block', bytes, false);
    else this.next(this.hasChecksum ? 'checksum' : 'frame', bytes, false);
  }
}

/** The stream without its skippable frames. Throws BAD_LAYER for what is no zstd, or ends within a frame. */
export async function* zstdFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const splitter = new FrameSplitter();
  for await (const chunk of source) yield* splitter.split(chunk);
  if (!splitter.isBetween) throw badLayer('its zstd data is cut short');
}
