import { excerpt } from '../base/index.ts';
import { badLayer } from './bad-layer.ts';
import { numberAt } from './tar-header.ts';

/*
 * Sparse files: only what is no hole is stored. GNU tar's manual, "Storing Sparse Files": the old form keeps the map
 * in the header and in blocks behind it; pax 0.0 and 0.1 in records, 1.0 before the data.
 */

/** A stored piece: where it belongs in the file, in bytes. */
export interface Segment {
  offset: number;
  length: number;
}

/** Checks a map against what is stored: pieces in order, inside the file, all bytes accounted for. */
export function checkSparse(
  name: string,
  map: readonly Segment[],
  storedBytes: number,
  fileBytes: number,
): void {
  let end = 0;
  let stored = 0;
  for (const { offset, length } of map) {
    if (offset < end || length < 0)
      throw badLayer(`the map of the sparse file "${excerpt(name)}" is not in order`);
    end = offset + length;
    stored += length;
  }
  if (end > fileBytes || stored !== storedBytes || !Number.isSafeInteger(fileBytes)) {
    throw badLayer(`the map of the sparse file "${excerpt(name)}" does not fit its size`);
  }
}

/** Pairs of numbers in a block, until an empty one. */
function pairsAt(block: Buffer, from: number, count: number): Segment[] {
  const list: Segment[] = [];
  for (let at = from; list.length < count && block[at] !== 0; at += 24) {
    list.push({ offset: numberAt(block, at, 12), length: numberAt(block, at + 12, 12) });
  }
  return list;
}

/** The old form's part in the header itself: four pieces, whether more follow, the size with holes. */
export function oldSparse(block: Buffer): { map: Segment[]; hasMore: boolean; fileBytes: number } {
  return { map: pairsAt(block, 386, 4), hasMore: block[482] !== 0, fileBytes: numberAt(block, 483, 12) };
}

/** The old form's continuation block: 21 pieces, whether more follow. */
export function oldSparseMore(block: Buffer): { map: Segment[]; hasMore: boolean } {
  return { map: pairsAt(block, 0, 21), hasMore: block[504] !== 0 };
}

function pairsOf(numbers: readonly string[]): Segment[] {
  const values = numbers.map((text) => {
    if (!/^\d{1,16}$/.test(text)) throw badLayer('the map of a sparse file holds no numbers');
    return Number(text);
  });
  return Array.from({ length: values.length >> 1 }, (_, i) => ({
    offset: values[2 * i] ?? 0,
    length: values[2 * i + 1] ?? 0,
  }));
}

/** What pax records say of a sparse file; undefined: it is none. `map` is undefined in 1.0: it comes with the data. */
export interface PaxSparse {
  name: string | undefined;
  fileBytes: number;
  map: Segment[] | undefined;
}

/** Reads the GNU.sparse records (keys without that prefix), versions 0.0, 0.1 and 1.0. */
export function paxSparse(records: ReadonlyArray<readonly [string, string]>): PaxSparse | undefined {
  if (records.length === 0) return undefined;
  const last = new Map(records);
  const size = last.get('realsize') ?? last.get('size');
  if (size === undefined || !/^\d{1,16}$/.test(size)) throw badLayer('a sparse file has no size');
  const isInData = last.get('major') === '1';
  const listed = last.get('map');
  const loose = records.flatMap(([key, value]) => (key === 'offset' || key === 'numbytes' ? [value] : []));
  const map = pairsOf(listed === undefined ? loose : listed === '' ? [] : listed.split(','));
  return { name: last.get('name'), fileBytes: Number(size), map: isInData ? undefined : map };
}

/** The map that stands before the data in 1.0: decimal numbers, one a line, the count first, filled up to a block. */
export class DataMap {
  private text = '';
  private lines = 0;
  private wanted = 1;
  bytes = 0;

  /** Takes the next block; gives the map once it is whole. */
  add(block: Buffer): Segment[] | undefined {
    this.bytes += block.length;
    for (const byte of block) if (byte === 10) this.lines++;
    this.text += block.toString('latin1');
    if (this.lines > 0 && this.wanted === 1) {
      const count = this.text.slice(0, this.text.indexOf('\n'));
      if (!/^\d{1,7}$/.test(count)) throw badLayer('the map of a sparse file has no length');
      this.wanted = 1 + 2 * Number(count);
    }
    if (this.lines < this.wanted) return undefined;
    return pairsOf(this.text.split('\n').slice(1, this.wanted));
  }
}
