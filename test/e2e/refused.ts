/** A refusal: one line that says what, why and what to do, the documented exit code, and nothing changed. */
import assert from 'node:assert/strict';
import type { Host } from './harness.ts';
import { stateOf } from './state.ts';

export async function refused(
  host: Host,
  code: number,
  args: readonly string[],
  line: RegExp,
  remedy: RegExp = /; \S/,
): Promise<void> {
  const before = stateOf(host.root);
  const result = await host.run(args);
  const said = `mydocker ${args.join(' ')}: ${result.stderr}`;
  assert.equal(result.code, code, said);
  assert.equal(result.stdout, '', said);
  assert.match(result.stderr, /^mydocker: [^\n]+\n$/, said);
  assert.match(result.stderr, line, said);
  assert.match(result.stderr, remedy, said);
  assert.deepEqual(stateOf(host.root), before, `${said}: state as before`);
}

/** The same for flags of `run --rm FLAGS busybox true`. */
export const refusedRun = (host: Host, flags: readonly string[], line: RegExp): Promise<void> =>
  refused(host, 125, ['run', '--rm', ...flags, 'busybox', 'true'], line);
