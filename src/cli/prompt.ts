import { badInput } from '../base/errors.ts';
import { writeError } from './out.ts';

/**
 * Asks on the terminal and gives the line. `hidden`: what is typed is not shown. Throws BAD_INPUT where standard input
 * is no terminal, or was closed.
 */
export async function ask(question: string, options: { hidden?: boolean } = {}): Promise<string> {
  if (process.stdin.isTTY !== true) {
    throw badInput(`cannot ask for "${question.replace(/:\s*$/, '')}": standard input is no terminal`, {
      remedy: 'give it on the command line, or --password-stdin',
    });
  }
  const { createInterface } = await import('node:readline');
  const { Writable } = await import('node:stream');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const hidden = options.hidden === true;
  const lines = createInterface({
    input: process.stdin,
    output: hidden ? nowhere : process.stderr,
    terminal: true,
  });
  // Only now: from here on the terminal itself shows nothing of what is typed.
  writeError(question);
  try {
    return await new Promise((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () =>
        reject(badInput('nothing was given', { remedy: 'type it, and end with Enter' })),
      );
      lines.once('SIGINT', () => lines.close());
    });
  } finally {
    lines.close();
    if (hidden) writeError('\n');
  }
}
