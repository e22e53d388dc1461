import { DEFAULT_CAPABILITIES } from '../constants.ts';
import { compileSeccomp } from './compile.ts';
import { defaultSeccomp } from './default-profile.ts';
import { parseSeccomp } from './parse.ts';
import type { Machine } from './types.ts';

/** See index.ts. */
export function compileFor(
  text: string | undefined,
  capabilities: readonly string[],
  machine: Machine,
): Uint8Array | undefined {
  if (text !== undefined) return compileSeccomp(parseSeccomp(text, { capabilities, machine }), machine);
  const filter = compileSeccomp(defaultSeccomp(capabilities), machine);
  const usual = compileSeccomp(defaultSeccomp(DEFAULT_CAPABILITIES), machine);
  return Buffer.compare(filter, usual) === 0 ? undefined : filter;
}
