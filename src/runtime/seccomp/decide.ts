import type { SeccompAction, SeccompArg, SeccompOperator, SeccompProfile, SeccompRule } from './types.ts';

/** A comparison with its numbers widened. */
export interface Condition {
  index: number;
  op: SeccompOperator;
  value: bigint;
  valueTwo: bigint;
}

/** What is done with one call: the first rule whose conditions all hold, or `otherwise`. Values are seccomp(2)'s. */
export interface Decision {
  rules: Array<{ conditions: Condition[]; value: number }>;
  otherwise: number;
}

const EPERM = 1;
const ENOSYS = 38;
const U64 = 0xffffffffffffffffn;

/** SECCOMP_RET_…, linux/seccomp.h. */
const RETURN: Readonly<Record<SeccompAction, number>> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};

/** The value a filter returns for an action. */
export function returnValue(action: SeccompAction, errnoRet: number | undefined): number {
  const takesData = action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE';
  return RETURN[action] + (takesData ? (errnoRet ?? EPERM) & 0xffff : 0);
}

function conditionOf(arg: SeccompArg): Condition {
  const { index, op } = arg;
  return { index, op, value: BigInt(arg.value) & U64, valueTwo: BigInt(arg.valueTwo ?? 0) & U64 };
}

/**
 * The lists of conditions a rule stands for. Two about one argument mean "either", as runc reads them; else all
 * must hold.
 */
function alternatives(rule: SeccompRule): Condition[][] {
  const conditions = (rule.args ?? []).map(conditionOf);
  const indices = new Set(conditions.map(({ index }) => index));
  return indices.size === conditions.length ? [conditions] : conditions.map((condition) => [condition]);
}

/**
 * What a call gets that is newer than every call the profile names: ENOSYS where others are refused, so that a libc
 * falls back to the older call as on an older kernel (with EPERM it gives up). runc does the same.
 */
function forNewer(profile: SeccompProfile, otherwise: number): number {
  const isLaxDefault = profile.defaultAction === 'SCMP_ACT_ALLOW' || profile.defaultAction === 'SCMP_ACT_LOG';
  return isLaxDefault ? otherwise : returnValue('SCMP_ACT_ERRNO', ENOSYS);
}

/**
 * Every call of an ABI that a rule names, by number in order, and what all others get: those between them, and those
 * beyond the last. A rule without conditions
 * settles its call, whatever else is said of it; of those with conditions the first that holds counts.
 */
export function decide(
  profile: SeccompProfile,
  numbers: ReadonlyMap<string, number>,
): { decisions: ReadonlyMap<number, Decision>; unlisted: Decision; newer: Decision } {
  const otherwise = returnValue(profile.defaultAction, profile.defaultErrnoRet);
  const found = new Map<number, Decision>();
  const settled = new Set<number>();
  for (const rule of profile.syscalls ?? []) {
    const value = returnValue(rule.action, rule.errnoRet);
    for (const name of rule.names) {
      const number = numbers.get(name);
      if (number === undefined || settled.has(number)) continue;
      const decision = found.get(number) ?? { rules: [], otherwise };
      found.set(number, decision);
      for (const conditions of alternatives(rule)) {
        if (conditions.length > 0) decision.rules.push({ conditions, value });
        else {
          settled.add(number);
          found.set(number, { rules: [], otherwise: value });
        }
      }
    }
  }
  const decisions = new Map([...found].sort(([a], [b]) => a - b));
  const newer = forNewer(profile, otherwise);
  return { decisions, unlisted: { rules: [], otherwise }, newer: { rules: [], otherwise: newer } };
}

/** True when both mean the same for every argument. */
export function isSame(a: Decision, b: Decision): boolean {
  return a.otherwise === b.otherwise && a.rules.length === 0 && b.rules.length === 0;
}
