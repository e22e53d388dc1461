/** The caller's terminal, for a container's that is passed on to it. */
import { spawnSync } from 'node:child_process';
import type { OciRuntime } from '../../oci/index.ts';

function stty(...args: string[]): string {
  return spawnSync('stty', args, { stdio: [0, 'pipe', 'ignore'], encoding: 'utf8' }).stdout ?? '';
}

/** Undefined when standard input is no terminal. */
export const ownTerminal: NonNullable<OciRuntime['ownTerminal']> = () => {
  if (process.stdin.isTTY !== true) return undefined;
  const [rows = 24, cols = 80] = stty('size').split(' ').map(Number);
  return {
    rows,
    cols,
    // stty(1) as in terminal.ts: output processing must be off too.
    raw: () => {
      const before = stty('-g').trim();
      stty('raw', '-echo');
      return () => {
        if (before !== '') stty(before);
      };
    },
  };
};
