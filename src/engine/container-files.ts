import type { CopyOptions, FileChange, PathStat, ReadOptions, WriteOptions } from './file-types.ts';
import { LiveContainers } from './live.ts';

/**
 * The files of containers, running, stopped or only created. All that follows a container's own names happens in a shim
 * whose root is the container's: no link of it leads to the host, and nothing of it is executed.
 */
export class ContainerFiles extends LiveContainers {
  /** What differs from its image, sorted by path; a directory is listed when something in it is. */
  async diff(ref: string): Promise<FileChange[]> {
    return (await import('./diff.ts')).diffContainer(this.core, this.record(ref));
  }

  /** A path in it. Throws NO_SUCH_PATH. */
  async statPath(ref: string, path: string, options: ReadOptions = {}): Promise<PathStat> {
    return (await import('./copy.ts')).statIn(this.core, this.record(ref), path, options);
  }

  /**
   * A path and all below it as a tar, what is mounted there included. Its names begin with the path's last part; "/d/."
   * gives names that begin with ".". Throws NO_SUCH_PATH, when it is first read from.
   */
  async copyFrom(ref: string, path: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    return (await import('./copy.ts')).copyFrom(this.core, this.record(ref), path, options);
  }

  /**
   * Puts a tar (gzip and zstd too) into a directory of it; the bytes of content in it. A file appears whole or not at
   * all; what was put before an error stays. Throws NO_SUCH_PATH, CANNOT_REPLACE, READ_ONLY, COPY_FAILED, BAD_LAYER.
   */
  async copyTo(
    ref: string,
    path: string,
    tar: AsyncIterable<Buffer>,
    options: WriteOptions = {},
  ): Promise<number> {
    return (await import('./copy.ts')).copyTo(this.core, this.record(ref), path, tar, options);
  }

  /** A file or directory of the host to a path of it, as `docker cp` does; the bytes of content. Throws as copyTo. */
  async copyIn(source: string, ref: string, path: string, options: CopyOptions = {}): Promise<number> {
    const { copyIn } = await import('./copy-local.ts');
    return copyIn(this.core, source, this.record(ref), path, options);
  }

  /** A path of it to one of the host, as `docker cp` does; the bytes of content. Throws as copyTo. */
  async copyOut(ref: string, path: string, destination: string, options: CopyOptions = {}): Promise<number> {
    const { copyOut } = await import('./copy-local.ts');
    return copyOut(this.core, this.record(ref), path, destination, options);
  }
}
