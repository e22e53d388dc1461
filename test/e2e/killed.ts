/** Commands that are ended with SIGKILL at a certain system call: strace counts them, in the shim too. */
import assert from 'node:assert/strict';
import { command, EXECUTABLE, type Host } from './harness.ts';

/** What makes changes of the store last, or seen. */
export const LASTING_CALLS = ['link,linkat', 'rename,renameat,renameat2', 'fsync,fdatasync'] as const;

/** Every call first, then ever fewer: a command makes hundreds. */
export const nextOf = (nth: number): number => (nth < 10 ? nth + 1 : nth * 2);

/**
 * Runs `mydocker ARGS` and kills it, or its shim, where it makes its so-manieth such call. False: it did not come so
 * far, and went through.
 */
export async function killedAt(host: Host, call: string, nth: number, ...args: string[]): Promise<boolean> {
  const inject = `inject=${call}:signal=SIGKILL:when=${nth}`;
  const words = ['-f', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject, EXECUTABLE, ...args];
  const { code, stderr } = await command('strace', words, { env: { MYDOCKER_ROOT: host.root } });
  // Where the shim is what was killed, the engine lives to tell.
  assert.ok([0, 125, 137].includes(code), `${call} ${nth}: exit ${code}: ${stderr}`);
  return code !== 0;
}
