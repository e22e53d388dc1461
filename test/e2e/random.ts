/** Random numbers that can be had again: the seed is printed, and MYDOCKER_TEST_SEED sets it. */
export const seed = Number(process.env.MYDOCKER_TEST_SEED ?? Date.now() % 1_000_000);
console.log(`# MYDOCKER_TEST_SEED=${seed}`);

let state = seed;

/** A whole number from 0 up to, not including, `below`. mulberry32. */
export function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
}
