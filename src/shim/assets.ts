import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { builtin, MydockerError, writeAtomic } from '../base/index.ts';

/** Files that come with the program: in the one-file executable inside it, else beside the compiled library. */
export type AssetName = 'shim' | 'shim.id' | 'busybox.tar' | 'busybox.json';

let embedded: Partial<Record<AssetName, string>> = {};

/** Called once by the one-file executable: where its embedded files can be read. */
export function setAssets(paths: Partial<Record<AssetName, string>>): void {
  embedded = paths;
}

/** A path that node:fs can read the asset from. */
export function assetPath(name: AssetName): string {
  return embedded[name] ?? decodeURIComponent(new URL(`../../assets/${name}`, import.meta.url).pathname);
}

let shimId: string | undefined;

/** Identity of the shim's bytes, decided when it was built: "a1b2…". */
function readShimId(): string {
  shimId ??= readFileSync(assetPath('shim.id'), 'utf8').trim();
  return shimId;
}

/** What first runs left that were killed while they wrote it; of one that lives, nothing. */
function clearUnfinished(directory: string): void {
  for (const name of readdirSync(directory)) {
    const pid = /^shim-.*\.tmp-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(`${directory}/${name}`, { force: true });
  }
}

/**
 * The shim as a file that can be executed, extracted once for each version below `<root>/bin`.
 * Atomic: written beside, then renamed; two first runs at once both end with the same file.
 */
export function shimBinary(root: string): string {
  const path = `${root}/bin/shim-${readShimId()}`;
  if (existsSync(path)) return path;
  const bytes = readFileSync(assetPath('shim'));
  const digest = builtin('node:crypto').createHash('sha256').update(bytes).digest('hex').slice(0, 16);
  if (digest !== readShimId()) {
    throw new MydockerError(
      'BAD_SHIM',
      'the shim inside this program is damaged: its digest is not the one it was built with',
      {
        remedy: 'build the program again',
      },
    );
  }
  mkdirSync(`${root}/bin`, { recursive: true, mode: 0o700 });
  clearUnfinished(`${root}/bin`);
  writeAtomic(path, bytes, { sync: true, mode: 0o755 });
  return path;
}
