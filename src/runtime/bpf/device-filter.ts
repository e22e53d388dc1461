import type { OciDeviceRule } from '../oci-resources.ts';
import {
  and,
  assemble,
  exit,
  type Instruction,
  load,
  move,
  set,
  shift,
  skipIf,
  skipUnless,
} from './instructions.ts';

/** linux/bpf.h, BPF_DEVCG_*. */
const TYPE = { b: 1, c: 2 } as const;
const ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const ALL_ACCESS = 7;

/** Registers of the program. R1 is the kernel's: struct bpf_cgroup_dev_ctx. */
const R = { result: 0, context: 1, type: 2, wanted: 3, major: 4, minor: 5 } as const;

/** Type 'a' means every device and every access, whatever else such a rule says: as the v1 controller reads it. */
function isForAll(rule: OciDeviceRule): boolean {
  return (rule.type ?? 'a') === 'a';
}

function accessMask(rule: OciDeviceRule): number {
  if (isForAll(rule) || rule.access === undefined) return ALL_ACCESS;
  return [...rule.access].reduce((mask, letter) => mask | (ACCESS[letter] ?? 0), 0);
}

const answer = (allow: boolean): Instruction[] => [set(R.result, allow ? 1 : 0), exit()];

/** What a rule does with a device it is about. */
function decide(rule: OciDeviceRule): Instruction[] {
  const mask = accessMask(rule);
  if (mask === ALL_ACCESS) return answer(rule.allow);
  // Of what is wanted this much is settled; the rules before it decide about the rest.
  if (rule.allow) return [and(R.wanted, ALL_ACCESS & ~mask), skipUnless(R.wanted, 0, 2), ...answer(true)];
  return [move(R.result, R.wanted), and(R.result, mask), skipIf(R.result, 0, 2), ...answer(false)];
}

function ruleInstructions(rule: OciDeviceRule): Instruction[] {
  const { type, major, minor } = rule;
  const body = decide(rule);
  if (isForAll(rule) || type === undefined || type === 'a') return body;
  const tests: Array<readonly [register: number, value: number]> = [[R.type, TYPE[type]]];
  if (major !== undefined && major >= 0) tests.push([R.major, major]);
  if (minor !== undefined && minor >= 0) tests.push([R.minor, minor]);
  // Each test that fails skips the tests behind it and the body.
  return [
    ...tests.map(([register, value], i) => skipUnless(register, value, tests.length - 1 - i + body.length)),
    ...body,
  ];
}

/**
 * A program of type BPF_PROG_TYPE_CGROUP_DEVICE that lets a cgroup's processes use the devices these rules allow.
 * Of the rules that are about a device and an access, the last one decides, so the program goes through them from the
 * last to the first; an open that wants to read and write needs both. What no rule is about is refused.
 */
export function deviceInstructions(rules: readonly OciDeviceRule[]): Instruction[] {
  const list = [
    // access_type holds the type of the device in its lower half, the accesses in its upper.
    load(R.type, R.context, 0),
    move(R.wanted, R.type),
    shift(R.wanted, 16),
    and(R.type, 0xffff),
    load(R.major, R.context, 4),
    load(R.minor, R.context, 8),
  ];
  for (const rule of [...rules].reverse()) {
    if (accessMask(rule) === 0) continue;
    list.push(...ruleInstructions(rule));
    // Nothing behind this is ever reached, and the kernel's verifier refuses such code.
    if (isForAll(rule)) return list;
  }
  return [...list, ...answer(false)];
}

/** The same as bytes, for the `bpf-device` step. */
export function deviceFilter(rules: readonly OciDeviceRule[]): Uint8Array {
  return assemble(deviceInstructions(rules));
}
