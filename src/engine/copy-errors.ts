import { errnoNumber, errnoWords, MydockerError } from '../base/index.ts';
import type { Step } from '../plan/index.ts';
import type { Failure } from '../shim/index.ts';

/*
 * Words for what goes wrong in `cp`. `where`: " in bird" or "".
 */

/** A path that cannot be read or opened, for its errno; undefined: nothing better is known. */
export function pathError(errno: string, path: string, where: string): MydockerError | undefined {
  const facts = { errno, subject: path, exitCode: 1 };
  switch (errno) {
    case 'ENOENT':
      return new MydockerError('NO_SUCH_PATH', `there is no such file or directory${where}: ${path}`, facts);
    case 'ENOTDIR':
      return new MydockerError('NO_SUCH_PATH', `a part of the path is no directory${where}: ${path}`, facts);
    case 'ELOOP':
      return new MydockerError('NO_SUCH_PATH', `the links lead in a circle, or into /proc${where}: ${path}`, {
        ...facts,
        remedy: 'give the path they shall lead to',
      });
    case 'EOPNOTSUPP':
      return new MydockerError(
        'BAD_INPUT',
        `cannot copy ${path}${where}: the kernel makes it up when it is read (proc, sysfs and the like)`,
        { ...facts, remedy: 'read it with: mydocker exec CONTAINER cat PATH' },
      );
    case 'ESTALE':
      return new MydockerError(
        'COPY_FAILED',
        `cannot copy ${path}${where}: a directory in it was moved while it was read`,
        { ...facts, remedy: 'try again, or pause what moves it' },
      );
    default:
      return undefined;
  }
}

/** A file that could not be written. `failure.path` is below the directory that was written into. */
function putError({ errno, path }: Failure, where: string): MydockerError {
  const name = `"${path}"`;
  const facts = { errno, subject: path, exitCode: 1 };
  if (errno === 'EISDIR' || errno === 'ENOTEMPTY') {
    return new MydockerError(
      'CANNOT_REPLACE',
      `cannot put the file ${name}${where}: a directory stands there`,
      {
        ...facts,
        remedy: 'remove it first',
      },
    );
  }
  if (errno === 'ENOTDIR') {
    return new MydockerError(
      'CANNOT_REPLACE',
      `cannot put the directory ${name}${where}: what stands there, or above, is no directory`,
      { ...facts, remedy: 'remove it first' },
    );
  }
  if (errno === 'ELOOP') {
    return new MydockerError(
      'CANNOT_REPLACE',
      `cannot write ${name}${where}: a part of its path is a symbolic link, and that is not followed`,
      { ...facts, remedy: 'remove the link, or copy to where it leads' },
    );
  }
  if (errno === 'EROFS') {
    return new MydockerError('READ_ONLY', `cannot write ${name}${where}: the file system is read-only`, {
      ...facts,
      remedy: 'copy to a mount that is not: this one, or the container, was made read-only',
    });
  }
  const isFull = errno === 'ENOSPC' || errno === 'EDQUOT';
  const number = errnoNumber(errno);
  return new MydockerError(
    'COPY_FAILED',
    `cannot write ${path === '' ? 'a file' : name}${where}: ${isFull ? 'the disk is full' : number === undefined ? errno : errnoWords(number)}`,
    { ...facts, exitCode: undefined, remedy: isFull ? 'free some space' : undefined },
  );
}

/** The words of a stream of put steps: of the step that opens the directory, and of those that follow. */
export function putFailure(
  failure: Failure,
  initial: Step | undefined,
  directory: string,
  where: string,
): MydockerError | undefined {
  if (initial === undefined) return putError(failure, where);
  const isOurs = initial.op === 'open-in-root' || (initial.op === 'open-path' && initial.path === directory);
  return isOurs ? pathError(failure.errno, directory, where) : undefined;
}
