import { DEFAULT_FILTERS } from './default-filter.gen.ts';
import type { Machine } from './types.ts';

export { DEFAULT_FILTERS };

/** The machine this program runs on. */
export function thisMachine(): Machine {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

/** The default filter for the default capabilities, compiled when the program was built. */
export function defaultFilter(): Uint8Array {
  return Buffer.from(DEFAULT_FILTERS[thisMachine()], 'base64');
}

/**
 * A filter for a container with these capabilities: the default profile, or one as JSON text (Docker's form, or the
 * OCI runtime specification's). undefined: the default filter serves. Throws MydockerError BAD_SECCOMP.
 * Loaded on use: most containers have the default.
 */
export async function compileSeccomp(
  text: string | undefined,
  capabilities: readonly string[],
): Promise<Uint8Array | undefined> {
  const { compileFor } = await import('./compile-for.ts');
  return compileFor(text, capabilities, thisMachine());
}
