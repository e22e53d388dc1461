import type { Check } from './schema.ts';

/** No kernel knows more processors (CONFIG_NR_CPUS) or memory nodes. */
const MOST = 8192;
const LIST = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;

function rangesOf(list: string): Array<{ from: number; to: number }> {
  return list.split(',').map((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return { from, to };
  });
}

/** Processors or memory nodes as cpuset(7) writes them: "0-3,7". Empty is the same as missing. */
export const numberList: Check<string> = (value, at, problems) => {
  const wrong = (why: string): undefined => {
    problems.push({ at, why: `is ${JSON.stringify(value)}${why}` });
    return undefined;
  };
  if (value === '') return undefined;
  if (typeof value !== 'string' || !LIST.test(value))
    return wrong(', must be a list of numbers such as "0-3,7"');
  const ranges = rangesOf(value);
  if (ranges.some(({ from, to }) => from > to)) return wrong(': a range ends before it begins');
  const last = Math.max(...ranges.map(({ to }) => to));
  return last >= MOST ? wrong(`: no kernel has a number ${last}`) : value;
};

/** Such a list as a mask: number 0 is the lowest bit of the first byte. */
export function maskOf(list: string): Uint8Array {
  const ranges = rangesOf(list);
  const mask = new Uint8Array((Math.max(...ranges.map(({ to }) => to)) >> 3) + 1);
  for (const { from, to } of ranges)
    for (let number = from; number <= to; number++)
      mask[number >> 3] = (mask[number >> 3] ?? 0) | (1 << (number & 7));
  return mask;
}
