import { badInput } from '../base/errors.ts';
import { nearest } from './nearest.ts';
import type { OptionSpec } from './spec.ts';

/** The options found on a command line, by long name. */
export class Flags {
  private readonly values = new Map<string, string | boolean | string[]>();
  private readonly spellings = new Map<string, string>();

  set(name: string, value: string | boolean | string[], spelling: string): void {
    this.values.set(name, value);
    this.spellings.set(name, spelling);
  }
  /** The option as the user wrote it ("-mem"), for messages. */
  spelling(name: string): string {
    return this.spellings.get(name) ?? `--${name}`;
  }
  /** True if the option was given, whatever its value. */
  has(name: string): boolean {
    return this.values.has(name);
  }
  bool(name: string): boolean {
    return this.values.get(name) === true;
  }
  /** `--format`; undefined for "table", Docker's word for the usual one. */
  format(): string | undefined {
    const format = this.string('format');
    return format === 'table' ? undefined : format;
  }

  string(name: string): string | undefined {
    const value = this.values.get(name);
    return typeof value === 'string' ? value : undefined;
  }
  /** Hands the value of an option, if it was given, and its spelling to `set`. */
  take(name: string, set: (text: string, spelling: string) => void): void {
    const text = this.string(name);
    if (text !== undefined) set(text, this.spelling(name));
  }
  /** Values of a repeatable option in order; empty if it was not given. */
  list(name: string): readonly string[] {
    const value = this.values.get(name);
    return Array.isArray(value) ? value : [];
  }
}

export interface Parsed {
  readonly flags: Flags;
  readonly args: string[];
  /** `--help` was met; nothing after it was looked at. */
  readonly help: boolean;
}

/** The part of a command the parser needs. */
export interface Grammar {
  readonly name: string;
  readonly options: readonly OptionSpec[];
  readonly passThrough?: boolean;
}

const TRUE = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const FALSE = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

/** One walk over one command line. */
class Walker {
  readonly flags = new Flags();
  readonly args: string[] = [];
  private at = 0;
  private readonly grammar: Grammar;
  private readonly argv: readonly string[];
  private readonly line: string;

  constructor(grammar: Grammar, argv: readonly string[]) {
    this.grammar = grammar;
    this.argv = argv;
    this.line = grammar.name === '' ? 'mydocker' : `mydocker ${grammar.name}`;
  }

  walk(): boolean {
    while (this.at < this.argv.length) {
      const word = this.argv[this.at++] ?? '';
      if (word === '--') {
        this.takeRest();
      } else if (word.length < 2 || !word.startsWith('-')) {
        this.args.push(word);
        if (this.grammar.passThrough === true) this.takeRest();
      } else if (this.isHelp(word)) {
        return true;
      } else {
        this.takeFlag(word);
      }
    }
    return false;
  }

  private takeRest(): void {
    this.args.push(...this.argv.slice(this.at));
    this.at = this.argv.length;
  }

  private isHelp(word: string): boolean {
    return word === '--help' || word === '-help' || (word === '-h' && this.short('h') === undefined);
  }

  private long(name: string): OptionSpec | undefined {
    return this.grammar.options.find(
      (option) => option.name === name || option.also?.includes(name) === true,
    );
  }

  private short(letter: string): OptionSpec | undefined {
    return this.grammar.options.find((option) => option.short === letter);
  }

  /** An exact long name wins over a group of short ones: `-name` is --name, `-it` is -i -t. */
  private takeFlag(word: string): void {
    const dashes = word.startsWith('--') ? 2 : 1;
    const equals = word.indexOf('=');
    const name = word.slice(dashes, equals < 0 ? undefined : equals);
    const option = name.length > 1 ? this.long(name) : undefined;
    if (option !== undefined) {
      this.store(option, word.slice(0, dashes) + name, equals < 0 ? undefined : word.slice(equals + 1));
    } else if (dashes === 1) {
      this.takeShorts(word);
    } else {
      throw this.unknown(word.slice(0, equals < 0 ? undefined : equals));
    }
  }

  private takeShorts(word: string): void {
    for (let i = 1; i < word.length; i++) {
      const option = this.short(word[i] ?? '');
      if (option === undefined) throw this.unknown(word.replace(/=.*$/s, ''));
      const rest = word.slice(i + 1);
      if (option.value === undefined && !rest.startsWith('=')) {
        this.flags.set(option.name, true, `-${option.short}`);
        continue;
      }
      this.store(option, `-${option.short}`, rest === '' ? undefined : rest.replace(/^=/, ''));
      return;
    }
  }

  private store(option: OptionSpec, spelling: string, given: string | undefined): void {
    if (option.value === undefined) {
      this.flags.set(option.name, this.boolean(spelling, given), spelling);
      return;
    }
    const value = given ?? this.argv[this.at++];
    if (value === undefined) {
      throw badInput(
        `flag ${spelling} of "${this.line}" needs a value: ${spelling} ${option.placeholder ?? 'VALUE'}`,
        {
          subject: spelling,
          remedy: `see: ${this.line} --help`,
        },
      );
    }
    const all = option.value === 'list' ? [...this.flags.list(option.name), value] : value;
    this.flags.set(option.name, all, spelling);
  }

  private boolean(spelling: string, given: string | undefined): boolean {
    if (given === undefined || TRUE.has(given)) return true;
    if (FALSE.has(given)) return false;
    throw badInput(`flag ${spelling} of "${this.line}" is true or false, not "${given}"`, {
      subject: spelling,
      remedy: `write ${spelling} or ${spelling}=false`,
    });
  }

  private unknown(spelling: string): Error {
    const names = this.grammar.options.flatMap((option) => [option.name, ...(option.also ?? [])]);
    const near = nearest(spelling.replace(/^-+/, ''), names);
    const hint = near === undefined ? '' : `did you mean --${near}? `;
    return badInput(`unknown flag ${spelling} for "${this.line}"`, {
      subject: spelling,
      remedy: `${hint}see: ${this.line} --help`,
    });
  }
}

/**
 * Splits a command line into options and arguments.
 * `--name v`, `--name=v`, `-name v`, `-n v`, `-nv`, `-n=v` and groups (`-itd`) are the same to it; `--` ends the options.
 * Throws BAD_INPUT for an unknown flag, a missing value or a boolean that is neither true nor false.
 */
export function parse(grammar: Grammar, argv: readonly string[]): Parsed {
  const walker = new Walker(grammar, argv);
  const help = walker.walk();
  return { flags: walker.flags, args: walker.args, help };
}
