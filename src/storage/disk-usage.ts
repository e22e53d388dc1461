import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { errnoOf } from '../base/errors.ts';

/** stat(2): st_blocks counts these, whatever the file system's own blocks are. */
const BLOCK_BYTES = 512;

function isGone(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR';
}

/**
 * Adds up what files take on the disk, in bytes: their blocks, not their lengths, so that holes cost nothing; a file
 * with several hard links once, where it is met first; never across a mount. The numbers are those of du(1).
 */
export class DiskMeter {
  private readonly met = new Set<string>();
  private readonly device: number | undefined;

  /** `root`: whatever lies on another file system than this directory is left out. */
  constructor(root: string) {
    this.device = lstatSync(root, { throwIfNoEntry: false })?.dev;
  }

  /** A file or directory by itself, without what is in it. Nothing when it is gone. */
  own(path: string): number {
    let stat: Stats | undefined;
    try {
      stat = lstatSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    return stat === undefined ? 0 : this.count(stat);
  }

  private count(stat: Stats): number {
    if (stat.dev !== this.device) return 0;
    if (stat.nlink > 1 && !stat.isDirectory()) {
      const key = String(stat.ino);
      if (this.met.has(key)) return 0;
      this.met.add(key);
    }
    return stat.blocks * BLOCK_BYTES;
  }

  /** A file, or a directory with everything below it. */
  tree(path: string): number {
    let bytes = 0;
    // Names are bytes, and need not be UTF-8.
    const waiting = [Buffer.from(path)];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      try {
        const stat = lstatSync(next, { throwIfNoEntry: false });
        if (stat === undefined) continue;
        bytes += this.count(stat);
        if (!stat.isDirectory() || stat.dev !== this.device) continue;
        for (const name of readdirSync(next, { encoding: 'buffer' })) {
          waiting.push(Buffer.concat([next, SLASH, name]));
        }
      } catch (error) {
        // Somebody removed it while we looked.
        if (!isGone(error)) throw error;
      }
    }
    return bytes;
  }
}

const SLASH = Buffer.from('/');

/** Names in a directory; none when it is not there. */
export function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}
