import { lstatSync, realpathSync, statSync } from 'node:fs';
import { badInput, errnoOf, MydockerError } from '../base/index.ts';
import type { ContainerRecord } from '../storage/index.ts';
import { checkPath, copyFrom, copyTo, readLocal, statIn, writeLocal } from './copy.ts';
import { pathError } from './copy-errors.ts';
import { type CopyTarget, cleanPath, landing, meansContent, meansDirectory } from './copy-rules.ts';
import type { Core } from './core.ts';
import type { CopyOptions, PathStat } from './file-types.ts';

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;

function localError(error: unknown, path: string): unknown {
  const errno = errnoOf(error);
  return errno === undefined ? error : (pathError(errno, path, ' on this machine') ?? error);
}

function isLocalDirectory(path: string, followLink: boolean): boolean {
  try {
    return (followLink || meansDirectory(path) ? statSync(path) : lstatSync(path)).isDirectory();
  } catch (error) {
    throw localError(error, path);
  }
}

/** What stands at a path of the host; a link is followed, one that leads nowhere too. */
function localTarget(path: string): CopyTarget {
  let at = cleanPath(path, process.cwd());
  try {
    const found = statSync(at, { throwIfNoEntry: false });
    if (found !== undefined) at = realpathSync(at);
    return { path: at, kind: found === undefined ? 'nothing' : found.isDirectory() ? 'directory' : 'other' };
  } catch (error) {
    throw localError(error, path);
  }
}

async function containerTarget(core: Core, record: ContainerRecord, path: string): Promise<CopyTarget> {
  const clean = cleanPath(path);
  let stat: PathStat;
  try {
    stat = await statIn(core, record, clean);
  } catch (error) {
    if (!(error instanceof MydockerError && error.errno === 'ENOENT')) throw error;
    return { path: clean, kind: 'nothing' };
  }
  const isLink = (stat.mode & S_IFMT) === S_IFLNK;
  const mode = isLink ? stat.targetMode : stat.mode;
  const kind = mode === undefined ? 'nothing' : (mode & S_IFMT) === S_IFDIR ? 'directory' : 'other';
  return { path: isLink ? stat.linkTarget : clean, kind };
}

/** A path of the host to a path of a container, by the rules of `docker cp`; the bytes of content. */
export async function copyIn(
  core: Core,
  source: string,
  record: ContainerRecord,
  path: string,
  options: CopyOptions = {},
): Promise<number> {
  core.prepare();
  checkPath(source, 'the local path');
  checkPath(path, 'the path in the container');
  const isDirectory = isLocalDirectory(source, options.followLink === true);
  const target = await containerTarget(core, record, path);
  const { directory, name } = landing({ path: cleanSource(source), isDirectory }, target, path);
  const tar = readLocal(core, source, name, options);
  const owner = options.keepOwner === true ? 'archive' : { uid: 0, gid: 0 };
  return copyTo(core, record, directory, tar, { owner, onProgress: options.onProgress });
}

/** "dir/." stays what it is; "." and ".." have the name of what they are. */
function cleanSource(source: string): string {
  const clean = cleanPath(source, process.cwd());
  return meansContent(source) ? `${clean === '/' ? '' : clean}/.` : clean;
}

/** A path of a container to one of the host; the bytes of content. */
export async function copyOut(
  core: Core,
  record: ContainerRecord,
  path: string,
  destination: string,
  options: CopyOptions = {},
): Promise<number> {
  core.prepare();
  checkPath(destination, 'the local path');
  const { followLink } = options;
  const stat = await statIn(core, record, path, { followLink });
  const target = localTarget(destination);
  const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
  const { directory, name } = landing({ path, isDirectory }, target, destination);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw badInput(`cannot copy to ${destination}: there is no directory ${directory}`, {
      subject: destination,
      remedy: 'make it first',
      exitCode: 1,
    });
  }
  const mine = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const tar = copyFrom(core, record, path, { followLink, name });
  return writeLocal(core, directory, tar, {
    owner: options.keepOwner === true ? 'archive' : mine,
    onProgress: options.onProgress,
  });
}
