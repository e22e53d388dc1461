import { badLayer, cutShort } from './bad-layer.ts';
import type { TarEntry } from './tar-entry.ts';
import { entryOf } from './tar-fields.ts';
import { parseHeader, TAR_BLOCK, type TarHeader } from './tar-header.ts';
import { applyPax, decodePaxRecords, type PaxFacts, type PaxRecords } from './tar-pax.ts';
import {
  checkSparse,
  DataMap,
  oldSparse,
  oldSparseMore,
  type PaxSparse,
  paxSparse,
  type Segment,
} from './tar-sparse.ts';

/** What a TarReader tells, in order: an entry, its content in pieces, its end. All at once, nothing is awaited. */
export interface TarVisitor {
  entry(entry: TarEntry): void;
  /** Valid during the call only. */
  data(chunk: Buffer): void;
  /** So many zeros, of a sparse file. */
  hole(bytes: number): void;
  end(): void;
  /** True: the reader stops at the next entry, until it is called again. */
  isFull?(): boolean;
}

/** Records, long names and sparse maps are held in memory: more than this of one is no header any more. */
const MAX_EXTRA_BYTES = 2 ** 20;
/** Records of the next entry (Solaris writes X), global ones, GNU long name and link, label, Solaris ACLs. */
const EXTRA = /^[xXgLKVA]$/;

interface Sparse {
  segments: Segment[];
  next: number;
  at: number;
  size: number;
}

interface Stored {
  left: number;
  padding: number;
}

/** An entry that waits for its sparse map. */
interface Waiting {
  entry: TarEntry;
  storedBytes: number;
  map: Segment[];
  data: DataMap | undefined;
}

function padding(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}

/**
 * Reads an uncompressed tar: ustar, pax, GNU, V7, star. Pushes what it finds to a visitor, synchronously.
 * All methods throw MydockerError BAD_LAYER for what is no tar; the visitor's own errors come through.
 */
export class TarReader {
  private held = Buffer.alloc(0);
  private place: 'header' | 'extra' | 'sparse' | 'map' | 'content' | 'skip' | 'over' = 'header';
  private zeroBlocks = 0;
  private hasBegun = false;
  private readonly stored: Stored = { left: 0, padding: 0 };
  private extra: { flag: string; size: number; parts: Buffer[] } = { flag: '', size: 0, parts: [] };
  private readonly globals = new Map<string, string>();
  private records: PaxRecords = [];
  private longName: string | undefined;
  private longLink: string | undefined;
  private waiting: Waiting | undefined;
  /** Pieces of the current entry that are still to come, and where the last one ended; undefined: no holes. */
  private sparse: Sparse | undefined;

  constructor(private readonly visitor: TarVisitor) {}

  /** Takes bytes from `from` on; returns how far it came: less than all when the visitor is full. */
  write(chunk: Buffer, from = 0): number {
    let at = from;
    if (chunk.length > 0) this.hasBegun = true;
    while (at < chunk.length) {
      if (this.place === 'over') return chunk.length;
      if (this.place === 'content' || this.place === 'skip' || this.place === 'extra') {
        at = this.take(chunk, at);
        continue;
      }
      if (this.place === 'header' && this.visitor.isFull?.() === true) return at;
      const missing = TAR_BLOCK - this.held.length;
      const part = chunk.subarray(at, at + missing);
      at += part.length;
      if (part.length < missing) {
        this.held = Buffer.concat([this.held, part]);
        continue;
      }
      const block = missing === TAR_BLOCK ? part : Buffer.concat([this.held, part]);
      this.held = Buffer.alloc(0);
      this.block(block);
    }
    return at;
  }

  /** The source has ended. */
  finish(): void {
    if (!this.hasBegun) throw badLayer('it is empty');
    if (this.place === 'over') return;
    if (this.place !== 'header' || this.held.length > 0 || this.longName !== undefined) throw cutShort();
  }

  private block(block: Buffer): void {
    if (this.place === 'sparse') this.moreSparse(oldSparseMore(block));
    else if (this.place === 'map') this.moreMap(block);
    else if (block[0] === 0 && block.every((byte) => byte === 0)) {
      // One alone is a writer's slip, which other programs pass over too.
      if (++this.zeroBlocks === 2) this.place = 'over';
    } else {
      this.zeroBlocks = 0;
      this.header(parseHeader(block), block);
    }
  }

  private header(header: TarHeader, block: Buffer): void {
    if (header.size < 0 || !Number.isSafeInteger(header.size)) throw badLayer('a size is out of range');
    if (EXTRA.test(header.flag)) {
      if (header.size > MAX_EXTRA_BYTES) throw badLayer('an extended header is larger than any real one');
      this.extra = { flag: header.flag, size: header.size, parts: [] };
      this.store(header.size, 'extra');
      return;
    }
    const facts = applyPax(
      header,
      this.globals.size === 0 ? this.records : [...this.globals, ...this.records],
    );
    const sparse = paxSparse(facts.sparse);
    header.name = sparse?.name ?? this.longName ?? header.name;
    header.linkName = this.longLink ?? header.linkName;
    this.records = [];
    this.longName = undefined;
    this.longLink = undefined;
    this.begin(header, facts, sparse, block);
  }

  private begin(header: TarHeader, facts: PaxFacts, sparse: PaxSparse | undefined, block: Buffer): void {
    const entry = entryOf(header, facts);
    if (entry.type !== 'file') {
      this.visitor.entry(entry);
      this.visitor.end();
      // Only a GNU directory has data, a list of names; the sizes of links say nothing of what is stored.
      this.store(header.flag === 'D' ? header.size : 0, 'skip');
      return;
    }
    const waiting: Waiting = { entry, storedBytes: header.size, map: [], data: undefined };
    if (header.flag === 'S') {
      const { map, hasMore, fileBytes } = oldSparse(block);
      entry.size = fileBytes;
      this.waiting = waiting;
      this.place = 'sparse';
      this.moreSparse({ map, hasMore });
    } else if (sparse?.map !== undefined) {
      entry.size = sparse.fileBytes;
      this.content(waiting, sparse.map);
    } else if (sparse !== undefined) {
      entry.size = sparse.fileBytes;
      this.waiting = { ...waiting, data: new DataMap() };
      this.place = 'map';
    } else this.content(waiting, undefined);
  }

  private moreSparse({ map, hasMore }: { map: Segment[]; hasMore: boolean }): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    waiting.map.push(...map);
    if (waiting.map.length * 24 > MAX_EXTRA_BYTES) throw badLayer('the map of a sparse file is too long');
    if (!hasMore) this.content(waiting, waiting.map);
  }

  private moreMap(block: Buffer): void {
    const { waiting } = this;
    if (waiting?.data === undefined) return;
    const map = waiting.data.add(block);
    const { bytes } = waiting.data;
    if (bytes > waiting.storedBytes || bytes > MAX_EXTRA_BYTES) {
      throw badLayer('the map of a sparse file is too long');
    }
    if (map !== undefined) this.content({ ...waiting, storedBytes: waiting.storedBytes - bytes }, map);
  }

  private content({ entry, storedBytes }: Waiting, map: Segment[] | undefined): void {
    this.waiting = undefined;
    this.sparse = undefined;
    if (map !== undefined) {
      checkSparse(entry.name, map, storedBytes, entry.size);
      this.sparse = { segments: map.filter(({ length }) => length > 0), next: 0, at: 0, size: entry.size };
    }
    this.visitor.entry(entry);
    this.store(storedBytes, 'content');
  }

  /** So many bytes follow, and what fills their last block. */
  private store(bytes: number, place: 'content' | 'skip' | 'extra'): void {
    this.stored.left = bytes;
    this.stored.padding = padding(bytes);
    this.place = place;
    if (bytes === 0) this.complete();
  }

  /** Takes what is stored from the chunk; returns where it ends. */
  private take(chunk: Buffer, at: number): number {
    const part = chunk.subarray(at, at + this.stored.left);
    this.stored.left -= part.length;
    if (this.place === 'content' && this.sparse === undefined) this.visitor.data(part);
    else if (this.place === 'content') this.give(part, this.sparse);
    else if (this.place === 'extra') this.extra.parts.push(Buffer.from(part));
    if (this.stored.left === 0) this.complete();
    return at + part.length;
  }

  private give(part: Buffer, sparse: Sparse | undefined): void {
    if (sparse === undefined) return;
    for (let rest = part; rest.length > 0; ) {
      const segment = sparse.segments[sparse.next];
      if (segment === undefined) return;
      if (segment.offset > sparse.at) this.visitor.hole(segment.offset - sparse.at);
      const piece = rest.subarray(0, segment.length);
      this.visitor.data(piece);
      rest = rest.subarray(piece.length);
      segment.offset += piece.length;
      segment.length -= piece.length;
      sparse.at = segment.offset;
      if (segment.length === 0) sparse.next++;
    }
  }

  /** All that was stored has come. */
  private complete(): void {
    const { place } = this;
    if (place === 'content') {
      const { sparse } = this;
      if (sparse !== undefined && sparse.size > sparse.at) this.visitor.hole(sparse.size - sparse.at);
      this.visitor.end();
    } else if (place === 'extra') this.keepExtra();
    this.stored.left = this.stored.padding;
    this.stored.padding = 0;
    this.place = this.stored.left > 0 ? 'skip' : 'header';
  }

  private keepExtra(): void {
    const { flag, parts } = this.extra;
    const bytes = Buffer.concat(parts);
    this.extra.parts = [];
    const text = () => bytes.toString('latin1').split('\0', 1)[0] ?? '';
    if (flag === 'L') this.longName = text();
    else if (flag === 'K') this.longLink = text();
    else if (flag === 'x' || flag === 'X') this.records = decodePaxRecords(bytes);
    else if (flag === 'g') {
      for (const [key, value] of decodePaxRecords(bytes)) this.globals.set(key, value);
      let total = 0;
      for (const [key, value] of this.globals) total += key.length + value.length;
      if (total > MAX_EXTRA_BYTES) throw badLayer('its global headers are larger than any real ones');
    }
  }
}
