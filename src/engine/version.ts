import { builtin } from '../base/index.ts';

/** Version of this package; the build checks it against package.json. */
export const VERSION = '0.1.0';

export function versionInfo(): Record<string, string> {
  const runtime =
    process.versions.bun === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions.bun}`;
  return {
    Version: VERSION,
    Os: 'linux',
    Arch: process.arch === 'x64' ? 'amd64' : process.arch,
    KernelVersion: builtin('node:os').release(),
    Runtime: runtime,
  };
}
