import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { type ChainId, hexOf, layerFacts } from '../storage/index.ts';

/*
 * What a layer will lie on: the layers below it as overlayfs merges them, overlayfs.rst § Upper and Lower. Looked at
 * one name at a time, each in directories that were seen to be directories, so that no link of an image is followed
 * on the host. Layers never change, so nothing can be swapped between two looks.
 */

/** Directories that one merged directory is made of, newest first: "<layer>/usr/lib", relative to all layers. */
export type LowerDirs = readonly string[];

/** Owner, mode and time of a lower directory. */
export interface LowerTime {
  mtimeS: number;
  mtimeNs: number;
}

/** What stands below under a name; strings hold one byte in each character. */
export type LowerFile =
  | ({ kind: 'directory'; dirs: LowerDirs } & LowerTime)
  | { kind: 'symlink'; target: string; at: string }
  | { kind: 'other'; at: string };

/** The merged layers below. */
export interface Lower {
  /** The root directory; none when there is no layer below. */
  root(): LowerFile | undefined;
  /** What `base` is in a merged directory; undefined: nothing, or it was deleted. */
  look(dirs: LowerDirs, base: string): LowerFile | undefined;
  /** The names in a merged directory, deleted ones too. */
  names(dirs: LowerDirs): Set<string>;
}

/** Below the first layer there is nothing. */
export const NO_LOWER: Lower = { root: () => undefined, look: () => undefined, names: () => new Set() };

const S_IFMT = 0o170000n;
const S_IFDIR = 0o040000n;
const S_IFLNK = 0o120000n;
const S_IFCHR = 0o020000n;

/** The layers on this disk. */
export class DiskLower implements Lower {
  private readonly roots: LowerDirs;
  private readonly opaque = new Set<string>();

  /** `chainIds`: oldest first, all unpacked. */
  constructor(
    private readonly storeRoot: string,
    chainIds: readonly ChainId[],
  ) {
    this.roots = chainIds.map(hexOf).reverse();
    for (const chainId of chainIds) {
      for (const path of layerFacts(storeRoot, chainId)?.opaque ?? [])
        this.opaque.add(`${hexOf(chainId)}${path}`);
    }
  }

  root(): LowerFile | undefined {
    return this.merged(this.roots);
  }

  look(dirs: LowerDirs, base: string): LowerFile | undefined {
    return this.merged(dirs.map((dir) => `${dir}/${base}`));
  }

  names(dirs: LowerDirs): Set<string> {
    return new Set(dirs.flatMap((dir) => readdirSync(this.path(dir), { encoding: 'latin1' })));
  }

  private merged(candidates: readonly string[]): LowerFile | undefined {
    let found: ({ kind: 'directory'; dirs: string[] } & LowerTime) | undefined;
    for (const at of candidates) {
      const stat = this.stat(at);
      if (stat === undefined) continue;
      const type = stat.mode & S_IFMT;
      if (type !== S_IFDIR) {
        // A file, or a whiteout (device 0:0), hides what is below it from a directory above it.
        if (found !== undefined || (type === S_IFCHR && stat.rdev === 0n)) break;
        if (type !== S_IFLNK) return { kind: 'other', at };
        const target = readlinkSync(this.path(at), { encoding: 'latin1' });
        return { kind: 'symlink', target, at };
      }
      const mtimeS = Number(stat.mtimeNs / 1_000_000_000n) - (stat.mtimeNs < 0n ? 1 : 0);
      const mtimeNs = Number(stat.mtimeNs - BigInt(mtimeS) * 1_000_000_000n);
      found ??= { kind: 'directory', dirs: [], mtimeS, mtimeNs };
      found.dirs.push(at);
      if (this.opaque.has(at)) break;
    }
    return found;
  }

  private path(at: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.storeRoot}/layers/`), Buffer.from(at, 'latin1')]);
  }

  /** lstat(2) of a file of the layers, by what `look` says; undefined: it is not there. */
  stat(at: string) {
    try {
      return lstatSync(this.path(at), { bigint: true });
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENAMETOOLONG') return undefined;
      throw error;
    }
  }
}
