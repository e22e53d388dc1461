import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';

/**
 * Writes all of it from the file's start; the descriptor's own position stays. A disk that becomes full ends a write
 * early, without an error: only the next one has it.
 */
export function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
}

/**
 * How to open a file of a directory that is not in its place yet: nobody can see it half written, and what is there is
 * empty. Without O_TRUNC: ext4 would write an emptied file to the disk when it is closed (auto_da_alloc).
 */
export const NEW_OR_EMPTY = 'a';

/**
 * Replaces a file whole: written beside it, renamed over it, so that of two who do it at once one wins. `sync` makes it
 * survive a power cut too; `mode` holds whatever the umask says (default 0600, less the umask). On any error the old
 * file is as it was and nothing is left beside it. `unseen`: in its place at once, see NEW_OR_EMPTY.
 */
export function writeAtomic(
  path: string,
  data: string | Uint8Array,
  options: { sync: boolean; mode?: number; unseen?: boolean },
): void {
  const isUnseen = options.unseen === true;
  const temporary = isUnseen ? path : `${path}.tmp-${process.pid}`;
  try {
    const fd = openSync(temporary, isUnseen ? NEW_OR_EMPTY : 'w', 0o600);
    try {
      if (options.mode !== undefined) fchmodSync(fd, options.mode);
      writeWhole(fd, typeof data === 'string' ? Buffer.from(data) : data);
      if (options.sync) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (!isUnseen) renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
