import type { ArgsOf, OpName } from './ops.ts';

/**
 * Where a step runs.
 * host: in the shim, before the clone. host-after: in the shim, beside the child, which waits for it at its barrier.
 * init: in the child, in its new namespaces. started: in the shim, the program runs.
 */
export type Section = 'host' | 'host-after' | 'init' | 'started';

type Variant<N extends OpName> = { readonly op: N } & Readonly<ArgsOf<N>>;

/** One operation with its arguments, as data. */
export type Action = { [N in OpName]: Variant<N> }[OpName];

/** What every step may carry beside its operation. */
export interface StepNotes {
  /** The reason, for `explain` and for errors; one clause, no full stop. */
  readonly why: string;
  /** Run backwards after a failure and when the container ends. Must be idempotent. */
  readonly undo?: Action;
  /** This errno counts as success ("the directory was there already"). */
  readonly ignore?: 'EEXIST' | 'ENOENT' | 'EINVAL' | 'EPERM' | 'EACCES';
}

export type Step = Action & StepNotes & { readonly where: Section };

/** A launch plan: what will happen, in order. Plain data; nothing has happened yet. */
export interface Plan {
  readonly steps: readonly Step[];
}

/** Collects the steps of one section; the builders in runtime/ and network/ return arrays of them. */
export function steps(where: Section, ...list: ReadonlyArray<Action & StepNotes>): Step[] {
  return list.map((step) => ({ ...step, where }));
}
