import { badInput } from '../base/errors.ts';

/** Docker's default: ctrl-p, then ctrl-q. */
export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/** "ctrl-p,ctrl-q" or "a,b" -> the bytes of the sequence. */
export function parseDetachKeys(text: string): number[] {
  return text.split(',').map((key) => {
    const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    throw badInput(`--detach-keys "${text}": "${key}" is no key`, {
      subject: '--detach-keys',
      remedy: 'give single characters or ctrl-a to ctrl-z, for example --detach-keys ctrl-x,x',
    });
  });
}

/** Looks for the sequence in what is typed. A beginning of it is held back until the next key decides. */
export class DetachKeys {
  private readonly sequence: readonly number[];
  private matched = 0;

  constructor(sequence: readonly number[]) {
    this.sequence = sequence;
  }

  /** The bytes that go to the program, and whether the sequence is complete (the rest is dropped then). */
  feed(data: Uint8Array): { pass: Buffer; detach: boolean } {
    const pass: number[] = [];
    for (const byte of data) {
      if (byte !== this.sequence[this.matched]) this.release(byte, pass);
      if (byte === this.sequence[this.matched]) {
        this.matched++;
        if (this.matched === this.sequence.length) return { pass: Buffer.from(pass), detach: true };
      } else {
        pass.push(byte);
      }
    }
    return { pass: Buffer.from(pass), detach: false };
  }

  /** Gives up held keys from the front until what is left, with the new byte, is a beginning of the sequence again. */
  private release(byte: number, pass: number[]): void {
    const held = this.sequence.slice(0, this.matched);
    while (held.length > 0) {
      pass.push(held.shift() ?? 0);
      const fits = held.every((key, i) => key === this.sequence[i]);
      if (fits && byte === this.sequence[held.length]) break;
    }
    this.matched = held.length;
  }
}
