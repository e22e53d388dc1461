import type { Engine } from '../engine/index.ts';
import type { OciRuntime } from '../oci/index.ts';
import type { Flags } from './parse.ts';

/** A type while it is being filled in. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** One option of a command. Every long spelling is accepted with one dash too: `-name bird`. */
export interface OptionSpec {
  /** Long name without dashes; also the key in Flags. */
  readonly name: string;
  /** One character. */
  readonly short?: string;
  /** Further long spellings: "mem", "cpuset", "net". */
  readonly also?: readonly string[];
  /** Absent: a boolean. 'string': the last one wins. 'list': may be given many times. */
  readonly value?: 'string' | 'list';
  /** What stands for the value in the help: "SIZE". */
  readonly placeholder?: string;
  /** One line with the unit and the default. */
  readonly help: string;
  /** Accepted, but not listed: without effect here. */
  readonly hidden?: boolean;
}

/** Flags before the command. */
export interface Globals {
  /** Directory of all state; undefined: the engine's default. */
  readonly root: string | undefined;
  /** Name of the image used where none is named. */
  readonly defaultImage: string;
  readonly debug: boolean;
}

/** What a command is given when it runs. */
export interface Context {
  readonly flags: Flags;
  readonly args: readonly string[];
  readonly globals: Globals;
  /** The engine, loaded on first use: help and completion need none. */
  engine(): Promise<Engine>;
  /** Commands below `oci`: the runtime, from the options before the command. */
  readonly oci?: OciRuntime;
}

/** A command: data for the parser, the help and the completions, and its action. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Arguments as the help shows them: "CONTAINER [CONTAINER…]". */
  readonly usage: string;
  readonly options: readonly OptionSpec[];
  /** Command lines without the leading "mydocker". */
  readonly examples: readonly string[];
  /** Fewest and most positional arguments. */
  readonly args: readonly [min: number, max: number];
  /** Options end at the first positional argument; what follows belongs to the program in the container. */
  readonly passThrough?: boolean;
  /** False for commands that touch nothing. Default true. */
  readonly needsRoot?: boolean;
  /** Returns the exit code of the process. */
  run(context: Context): Promise<number>;
}

/** Any number of arguments. */
export const MANY = Number.POSITIVE_INFINITY;
