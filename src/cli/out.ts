import { writeSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';

/** Standard output was closed by its reader (`mydocker ps | head -1`): the command ends without a word. */
export class OutputClosed extends Error {}

/** As if ended by SIGPIPE, like any other program in a pipe. */
export const OUTPUT_CLOSED_EXIT = 141;

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/**
 * Writes all of it, in order, before returning: process.stdout would be asynchronous on pipes and lose its tail at exit.
 * A descriptor that another program made non-blocking says EAGAIN; then wait a little and go on.
 */
function writeAll(fd: number, data: Uint8Array): void {
  let done = 0;
  while (done < data.length) {
    try {
      done += writeSync(fd, data, done);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'EPIPE') throw new OutputClosed();
      if (errno !== 'EAGAIN') throw error;
      Atomics.wait(PAUSE, 0, 0, 2);
    }
  }
}

/** To standard output, as it is. Throws OutputClosed. */
export function write(text: string | Uint8Array): void {
  writeAll(1, typeof text === 'string' ? Buffer.from(text) : text);
}

/** To standard output, as one line. */
export function print(line: string): void {
  write(`${line}\n`);
}

/** To standard error, as it is. */
export function writeError(text: string | Uint8Array): void {
  writeAll(2, typeof text === 'string' ? Buffer.from(text) : text);
}

/** A remark for the human on standard error, in one line: "mydocker: …". */
export function warn(text: string): void {
  writeError(`mydocker: ${oneLine(text)}\n`);
}

/** Nothing to change: no blank at an end, nothing but ASCII that is shown. */
const PLAIN = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;

/** Line breaks become spaces; other control characters are shown, so that no name can drive the terminal. */
export function oneLine(text: string): string {
  if (PLAIN.test(text)) return text;
  return text
    .replace(/\s*[\r\n]+\s*/g, ' ')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .trim();
}
