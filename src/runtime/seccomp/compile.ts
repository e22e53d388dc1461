import { argOffsets, assemble, DATA, load, type Node, ret, tooLarge, when } from './bpf.ts';
import { conditionNode } from './condition.ts';
import { type Decision, decide, isSame } from './decide.ts';
import { ABIS, type AbiFacts, syscallNumbers, X32_BIT } from './numbers.ts';
import type { Machine, SeccompProfile } from './types.ts';

/*
 * A filter is a tree, not a list: the numbers of an ABI are cut into ranges that are decided alike, and a binary
 * search over the ranges' borders ends at the decision. A call is decided after some eight comparisons, wherever
 * it stands; the same profile as a list costs up to 300.
 */

/** Values from `from` up to the next range's. */
interface Range {
  from: number;
  node: Node;
}

const KILL_PROCESS = 0x80000000;

function search(ranges: readonly Range[]): Node {
  const [first] = ranges;
  if (first === undefined) throw new Error('no range to search');
  if (ranges.length === 1) return first.node;
  const middle = ranges.length >> 1;
  const high = ranges.slice(middle);
  return when('ge', high[0]?.from ?? 0, search(high), search(ranges.slice(0, middle)));
}

/** One with a comparison takes five instructions: more than so many never fit, and would nest too deep here. */
const MAX_RULES = 1000;

function inOrder(decision: Decision): Node {
  if (decision.rules.length > MAX_RULES) throw tooLarge();
  return decision.rules.reduceRight<Node>(
    (others, { conditions, value }) =>
      conditions.reduceRight<Node>((yes, condition) => conditionNode(condition, yes, others), ret(value)),
    ret(decision.otherwise),
  );
}

function valueFor(decision: Decision, argument: bigint): number {
  const rule = decision.rules.find(({ conditions }) =>
    conditions.every(({ op, value }) => {
      if (op === 'SCMP_CMP_EQ') return argument === value;
      if (op === 'SCMP_CMP_NE') return argument !== value;
      if (op === 'SCMP_CMP_LT') return argument < value;
      if (op === 'SCMP_CMP_LE') return argument <= value;
      return op === 'SCMP_CMP_GT' ? argument > value : argument >= value;
    }),
  );
  return rule?.value ?? decision.otherwise;
}

/**
 * Many rules that each compare one and the same argument with a small number, socket(2)'s family for one: a tree
 * over the argument's values. undefined for all others.
 */
function byArgument(decision: Decision): Node | undefined {
  const all = decision.rules.flatMap(({ conditions }) => conditions);
  const [first] = all;
  const isPlain =
    decision.rules.length > 3 && decision.rules.every(({ conditions }) => conditions.length === 1);
  if (first === undefined || !isPlain || all.some(({ index }) => index !== first.index)) return undefined;
  const borders = new Set<number>([0]);
  for (const { op, value } of all) {
    if (op === 'SCMP_CMP_MASKED_EQ' || value >= 0xffffffffn) return undefined;
    borders.add(Number(value)).add(Number(value) + 1);
  }
  const ranges: Array<Range & { value: number }> = [];
  for (const from of [...borders].sort((a, b) => a - b)) {
    const value = valueFor(decision, BigInt(from));
    if (ranges.at(-1)?.value !== value) ranges.push({ from, value, node: ret(value) });
  }
  const { low, high } = argOffsets(first.index);
  return load(high, when('eq', 0, load(low, search(ranges)), ret(valueFor(decision, 1n << 32n))));
}

/** The tree over one ABI's numbers. */
function abiTree(profile: SeccompProfile, facts: AbiFacts): Node {
  const { decisions, unlisted, newer } = decide(profile, syscallNumbers(facts.abi));
  const ranges: Array<Range & { decision: Decision }> = [];
  const add = (from: number, decision: Decision): void => {
    const last = ranges.at(-1);
    if (last !== undefined && isSame(last.decision, decision)) return;
    ranges.push({ from, decision, node: byArgument(decision) ?? inOrder(decision) });
  };
  const last = Math.max(...decisions.keys());
  if (!decisions.has(0)) add(facts.bit, unlisted);
  for (const [number, decision] of decisions) {
    add(facts.bit + number, decision);
    if (!decisions.has(number + 1)) add(facts.bit + number + 1, number === last ? newer : unlisted);
  }
  return search(ranges);
}

/** The machine's own ABI and those of its 32-bit programs, as far as the profile names them. */
function abisOf(machine: Machine, architectures: readonly string[] | undefined): AbiFacts[] {
  const all = ABIS.filter(({ abi }) => (abi === 'arm64') === (machine === 'arm64'));
  if (architectures === undefined || architectures.length === 0) return all;
  // The machine's own is always meant.
  return all.filter(({ scmp }, i) => i === 0 || architectures.includes(scmp));
}

/**
 * The instructions of a profile for a machine. A call by an ABI the profile does not name ends the process. Names
 * that an ABI does not have are left out: config-linux.md § Seccomp. Throws MydockerError BAD_SECCOMP for a profile
 * that is too large.
 */
export function compileSeccomp(profile: SeccompProfile, machine: Machine): Uint8Array {
  const trees = new Map(
    abisOf(machine, profile.architectures).map((facts) => [facts.abi, abiTree(profile, facts)]),
  );
  const tree = (abi: AbiFacts['abi']): Node => trees.get(abi) ?? ret(KILL_PROCESS);
  const audit = (abi: AbiFacts['abi']): number => ABIS.find((facts) => facts.abi === abi)?.audit ?? 0;
  if (machine === 'arm64') {
    return assemble(
      load(DATA.arch, when('eq', audit('arm64'), load(DATA.nr, tree('arm64')), ret(KILL_PROCESS))),
    );
  }
  const native = load(DATA.nr, when('ge', X32_BIT, tree('x32'), tree('amd64')));
  const small = when('eq', audit('386'), load(DATA.nr, tree('386')), ret(KILL_PROCESS));
  return assemble(load(DATA.arch, when('eq', audit('amd64'), native, small)));
}
