import { readSync } from 'node:fs';
import { errnoOf, MydockerError } from '../base/errors.ts';
import { writeError } from './out.ts';

/** One line of standard input, byte by byte: what follows it is left to others. */
function readLine(): string {
  const byte = Buffer.alloc(1);
  let line = '';
  for (;;) {
    try {
      if (readSync(0, byte, 0, 1, null) === 0) return line;
    } catch (error) {
      if (errnoOf(error) === 'EOF') return line;
      throw error;
    }
    const char = byte.toString('latin1');
    if (char === '\n') return line;
    line += char;
  }
}

/** Asks on standard error, as Docker does; anything but "y" throws CANCELLED. */
export function confirm(warning: readonly string[], what: string): void {
  writeError(`${warning.join('\n')}\nAre you sure you want to continue? [y/N] `);
  if (/^\s*y(?:es)?\s*$/i.test(readLine())) return;
  throw new MydockerError('CANCELLED', `${what} was cancelled: nothing was removed`, {
    remedy: 'answer y, or use -f to be asked nothing',
    exitCode: 1,
  });
}
