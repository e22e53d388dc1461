import { MydockerError } from '../base/index.ts';

/*
 * Where a copy lands, as Docker has it: docs of `docker cp`. A path that ends in "/" says that it is a directory, one in
 * "/." means what is in it.
 */

/** What is copied. */
export interface CopySource {
  path: string;
  /** After links that were to be followed. */
  isDirectory: boolean;
}

/** What stands at the destination, links followed; `path` is where it really is. */
export interface CopyTarget {
  path: string;
  kind: 'directory' | 'other' | 'nothing';
}

/** The directory that is written into, and the name the source gets there; "." only what is in it. */
export interface Landing {
  directory: string;
  name: string;
}

/** True for "a/" and "a/.": a directory is meant. */
export function meansDirectory(path: string): boolean {
  return /(^|\/)\.{0,2}$/.test(path);
}

/** True for "a/." and ".": what is in it is meant. */
export function meansContent(path: string): boolean {
  return /(^|\/)\.$/.test(path);
}

/** "/a//b/../c/" is "/a/c"; a path that is not absolute begins at `base`. ".." does not lead above "/". */
export function cleanPath(path: string, base = '/'): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${base}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** Last part of a clean path; "" for "/". */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** What holds a clean path. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function refused(message: string, subject: string, remedy: string): MydockerError {
  return new MydockerError('CANNOT_REPLACE', message, { subject, remedy, exitCode: 1 });
}

/** Throws CANNOT_REPLACE, NO_SUCH_PATH. `asked`: the destination as it was given. */
export function landing(source: CopySource, target: CopyTarget, asked: string): Landing {
  const name = baseOf(cleanPath(source.path));
  if (target.kind === 'directory') {
    return { directory: target.path, name: meansContent(source.path) || name === '' ? '.' : name };
  }
  if (target.kind === 'other' && source.isDirectory) {
    throw refused(
      `cannot copy the directory ${source.path} to ${asked}: a file stands there`,
      asked,
      'give a directory, or a name that is not there yet',
    );
  }
  if (!source.isDirectory && meansDirectory(asked)) {
    if (target.kind === 'other')
      throw refused(`cannot copy to ${asked}: it is no directory`, asked, 'leave the "/" out');
    throw new MydockerError('NO_SUCH_PATH', `cannot copy to ${asked}: there is no such directory`, {
      subject: asked,
      remedy: 'make it first',
      exitCode: 1,
    });
  }
  return { directory: parentOf(target.path), name: baseOf(target.path) };
}
