import { badLayer } from './bad-layer.ts';

/*
 * The 512-byte header of a tar entry: POSIX ustar and pax, pax(1); GNU, tar's manual, "Basic Tar Format"; V7; star.
 * Names are bytes: strings here hold one in each character (latin1).
 */

/** Bytes of a block; all parts of an archive are multiples of it. */
export const TAR_BLOCK = 512;

/** The fields of a header as they stand there. */
export interface TarHeader {
  name: string;
  mode: number;
  uid: number;
  gid: number;
  /** Bytes stored after the header. */
  size: number;
  mtimeS: number;
  /** One character: "0" a file, "5" a directory, "x" records for the next entry … */
  flag: string;
  linkName: string;
  devMajor: number;
  devMinor: number;
}

function textAt(block: Buffer, from: number, length: number): string {
  const end = block.indexOf(0, from);
  return block.toString('latin1', from, end < 0 || end > from + length ? from + length : end);
}

/** Two's complement, most significant byte first, where the field's first bit is set: GNU's way to large numbers. */
function base256(block: Buffer, from: number, length: number): number {
  const first = block.readUInt8(from);
  const isNegative = (first & 0x40) !== 0;
  let value = BigInt(isNegative ? first | ~0xff : first & 0x7f);
  for (let at = from + 1; at < from + length; at++) value = value * 256n + BigInt(block.readUInt8(at));
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < -BigInt(Number.MAX_SAFE_INTEGER)) {
    throw badLayer('a number in a header is larger than any file');
  }
  return Number(value);
}

/** Octal digits between blanks and NULs; an empty field is 0. */
export function numberAt(block: Buffer, from: number, length: number): number {
  if ((block.readUInt8(from) & 0x80) !== 0) return base256(block, from, length);
  const text = textAt(block, from, length).trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw badLayer('a number in a header is none');
  return Number.parseInt(text, 8);
}

/** The sum of all bytes, the field itself as blanks; historic programs took the bytes as signed. */
function isSumRight(block: Buffer): boolean {
  let unsigned = 8 * 32;
  let high = 0;
  for (let at = 0; at < TAR_BLOCK; at++) {
    if (at === 148) at = 156;
    const byte = block[at] ?? 0;
    unsigned += byte;
    if (byte > 127) high++;
  }
  const text = textAt(block, 148, 8).trim();
  if (!/^[0-7]+$/.test(text)) return false;
  const sum = Number.parseInt(text, 8);
  return sum === unsigned || sum === unsigned - high * 256;
}

/** Reads a header block. Throws BAD_LAYER when it is none. */
export function parseHeader(block: Buffer): TarHeader {
  if (!isSumRight(block)) throw badLayer('it is no tar archive, or a damaged one');
  const magic = block.toString('latin1', 257, 265);
  const isUstar = magic.startsWith('ustar\0');
  const isKnown = isUstar || magic === 'ustar  \0';
  // star keeps times in the last part of the prefix and says so at the end of the block.
  const prefixBytes = block.toString('latin1', 508, 512) === 'tar\0' ? 131 : 155;
  const prefix = isUstar ? textAt(block, 345, prefixBytes) : '';
  const name = textAt(block, 0, 100);
  const flag = block.toString('latin1', 156, 157);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: numberAt(block, 100, 8) & 0o7777,
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size: numberAt(block, 124, 12),
    mtimeS: numberAt(block, 136, 12),
    flag: flag === '\0' ? '0' : flag,
    linkName: textAt(block, 157, 100),
    devMajor: isKnown ? numberAt(block, 329, 8) : 0,
    devMinor: isKnown ? numberAt(block, 337, 8) : 0,
  };
}
