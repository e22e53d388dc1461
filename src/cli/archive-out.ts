import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { badInput, errnoOf } from '../base/errors.ts';
import { write } from './out.ts';

/**
 * Writes an archive to a file, which appears whole or not at all, or to standard output, unless that is a terminal.
 * `path` undefined or "-": standard output.
 */
export async function writeArchive(
  path: string | undefined,
  archive: AsyncIterable<Uint8Array>,
): Promise<void> {
  if (path === undefined || path === '-') {
    if (process.stdout.isTTY === true) {
      throw badInput('an archive is not written to a terminal', {
        remedy: 'give a file with -o, or send standard output to one',
      });
    }
    for await (const chunk of archive) write(chunk);
    return;
  }
  const temporary = `${path}.tmp-${process.pid}`;
  let fd: number;
  try {
    fd = openSync(temporary, 'wx', 0o644);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw badInput(`cannot write ${path}: ${errno === 'ENOENT' ? 'its directory is not there' : errno}`, {
      errno,
      subject: path,
      remedy: 'give a file in a directory that can be written',
      exitCode: 1,
      cause: error,
    });
  }
  const clean = (): void => rmSync(temporary, { force: true });
  const stop = (): never => {
    clean();
    process.exit(130);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    for await (const chunk of archive) {
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done);
    }
    fsyncSync(fd);
    renameSync(temporary, path);
  } finally {
    closeSync(fd);
    clean();
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
