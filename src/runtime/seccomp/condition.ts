import { and, argOffsets, load, type Node, when } from './bpf.ts';
import type { Condition } from './decide.ts';

function halves(value: bigint): { high: number; low: number } {
  return { high: Number(value >> 32n), low: Number(value & 0xffffffffn) };
}

/** `yes` when the argument fulfils the condition, else `no`: 64 bits compared in halves, the high one first. */
export function conditionNode(condition: Condition, yes: Node, no: Node): Node {
  const at = argOffsets(condition.index);
  const { high, low } = halves(condition.value);
  const equal = (hit: Node, miss: Node): Node =>
    load(at.high, when('eq', high, load(at.low, when('eq', low, hit, miss)), miss));
  const ordered = (test: 'gt' | 'ge', hit: Node, miss: Node): Node =>
    load(at.high, when('eq', high, load(at.low, when(test, low, hit, miss)), when('gt', high, hit, miss)));
  switch (condition.op) {
    case 'SCMP_CMP_EQ':
      return equal(yes, no);
    case 'SCMP_CMP_NE':
      return equal(no, yes);
    case 'SCMP_CMP_GE':
      return ordered('ge', yes, no);
    case 'SCMP_CMP_GT':
      return ordered('gt', yes, no);
    case 'SCMP_CMP_LT':
      return ordered('ge', no, yes);
    case 'SCMP_CMP_LE':
      return ordered('gt', no, yes);
    case 'SCMP_CMP_MASKED_EQ': {
      const wanted = halves(condition.valueTwo);
      const lower = load(at.low, and(low, when('eq', wanted.low, yes, no)));
      return load(at.high, and(high, when('eq', wanted.high, lower, no)));
    }
  }
}
