/** Makes new inputs of old ones. The same seed makes the same ones. */

/** mulberry32: a whole number from 0 up to, not including, `below`. */
export type Random = (below: number) => number;

export function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Largest input: what matters of a format shows in less. */
export const MAX_INPUT_BYTES = 32 * 1024;

type Change = (bytes: Buffer, random: Random, other: Buffer, words: readonly string[]) => Buffer;

const span = (bytes: Buffer, random: Random, most: number): [from: number, to: number] => {
  const from = random(bytes.length + 1);
  return [from, Math.min(bytes.length, from + 1 + random(most))];
};

const replaced = (bytes: Buffer, from: number, to: number, by: Buffer): Buffer =>
  Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);

const CHANGES: readonly Change[] = [
  // One bit; one byte; a few of them.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = random(copy.length);
    if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
    return copy;
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const [from, to] = span(bytes, random, 8);
    for (let at = from; at < to; at++) copy[at] = random(256);
    return copy;
  },
  // What numbers are likely to be read wrongly.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0)
      copy[random(copy.length)] = [0, 1, 0x20, 0x2e, 0x2f, 0x30, 0x37, 0x7f, 0x80, 0xff][random(10)] ?? 0;
    return copy;
  },
  // Something away, something twice, something from elsewhere.
  (bytes, random) => replaced(bytes, ...span(bytes, random, 64), Buffer.alloc(0)),
  (bytes, random) => {
    const [from, to] = span(bytes, random, 1024);
    return replaced(bytes, to, to, bytes.subarray(from, to));
  },
  (bytes, random, other) => {
    const [from, to] = span(other, random, 1024);
    return replaced(bytes, ...span(bytes, random, 512), other.subarray(from, to));
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length + 1)),
  // A word of the format, put in or over something.
  (bytes, random, _, words) => {
    const word = Buffer.from(words[random(words.length)] ?? '', 'latin1');
    const at = random(bytes.length + 1);
    return replaced(bytes, at, random(2) === 0 ? at : Math.min(bytes.length, at + word.length), word);
  },
  // A digit.
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const from = random(copy.length + 1);
    const at = copy.subarray(from).findIndex((byte) => byte >= 0x30 && byte <= 0x39);
    if (at >= 0) copy[from + at] = 0x30 + random(10);
    return copy;
  },
];

/** A few changes, one on the other. */
export function mutate(bytes: Buffer, random: Random, other: Buffer, words: readonly string[]): Buffer {
  let result = bytes;
  for (let left = 1 + random(6); left > 0; left--) {
    const change = CHANGES[random(CHANGES.length)];
    if (change !== undefined) result = change(result, random, other, words);
  }
  return result.subarray(0, MAX_INPUT_BYTES);
}
