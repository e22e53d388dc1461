import { actionText, data } from './call-text.ts';
import { OPS } from './ops.ts';
import type { Action, Plan, Section } from './step.ts';

/** One step in words; plain JSON data. */
export interface ExplainedStep {
  /** Number in the plan, from 1: the one errors name. */
  readonly n: number;
  readonly where: Section;
  readonly op: string;
  /** The system calls behind the operation. */
  readonly call: string;
  /** The call with its arguments in words, whole. */
  readonly text: string;
  /** The arguments as the plan has them; 64-bit numbers and bytes that are no text as strings. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly why: string;
  /** What takes the step back after a failure and at the end. */
  readonly undo?: { readonly op: string; readonly call: string; readonly text: string };
}

function plainArgs(action: Action): Record<string, unknown> {
  const values = action as unknown as Record<string, unknown>;
  return Object.fromEntries(
    Object.keys(OPS[action.op].args).map((name) => {
      const value = values[name];
      if (typeof value === 'bigint') return [name, String(value)];
      if (value instanceof Uint8Array) return [name, data(value).replace(/^"|"$/g, '')];
      return [name, value];
    }),
  );
}

/** Every step of a plan in words, in order. Pure; `JSON.stringify` takes the result. */
export function explainPlan(plan: Plan): ExplainedStep[] {
  return plan.steps.map((step, index) => {
    const { op, where, why, undo } = step;
    const base = {
      n: index + 1,
      where,
      op,
      call: OPS[op].call,
      text: actionText(step),
      args: plainArgs(step),
      why,
    };
    return undo === undefined
      ? base
      : { ...base, undo: { op: undo.op, call: OPS[undo.op].call, text: actionText(undo) } };
  });
}

const SECTION_HEADS: Readonly<Record<Section, string>> = {
  host: 'The shim, on the host',
  'host-after': 'The shim, on the host, after clone: beside the child, which waits at its barrier',
  init: 'The child, in its new namespaces',
  started: 'The shim, on the host: the program runs',
};
const TEXT_MOST = 100;

/** Lines for people: a heading for each process, then number, call (cut where long) and, below, reason and undo. */
export function explainLines(steps: readonly ExplainedStep[], color: boolean): string[] {
  const dim = (text: string): string => (color ? `\x1b[2m${text}\x1b[22m` : text);
  const bold = (text: string): string => (color ? `\x1b[1m${text}\x1b[22m` : text);
  const width = String(steps.length).length;
  const lines: string[] = [];
  let section: Section | undefined;
  for (const step of steps) {
    if (step.where !== section) {
      section = step.where;
      lines.push(...(lines.length === 0 ? [] : ['']), bold(SECTION_HEADS[section]));
    }
    const undo = step.undo === undefined ? '' : `; undone by ${short(step.undo.text)}`;
    lines.push(`  ${String(step.n).padStart(width)}  ${short(step.text)}`);
    lines.push(`  ${' '.repeat(width)}  ${dim(`  ${shortIds(step.why)}${undo}`)}`);
  }
  return lines;
}

/** Ids are cut to 12 digits, as `ps` shows them: what matters in a call mostly stands behind one. */
const shortIds = (text: string): string => text.replace(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1…');

function short(whole: string): string {
  const chars = Array.from(shortIds(whole));
  return chars.length <= TEXT_MOST ? chars.join('') : `${chars.slice(0, TEXT_MOST - 1).join('')}…`;
}
