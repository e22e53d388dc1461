import { badInput, MydockerError } from '../base/index.ts';
import { packTree, putTree, type WalkRecord, walkRecords } from '../image/index.ts';
import { SLOT_COUNT, type Step, steps, WALK } from '../plan/index.ts';
import { openStepStream, type WalkOptions, walkAfter } from '../shim/index.ts';
import type { ContainerRecord } from '../storage/index.ts';
import { pathError, putFailure } from './copy-errors.ts';
import { baseOf, cleanPath, meansContent, meansDirectory, parentOf } from './copy-rules.ts';
import type { Core } from './core.ts';
import type { PathStat, ReadOptions, WriteOptions } from './file-types.ts';
import { visit } from './visit.ts';

/** statfs(2) numbers of file systems that the kernel makes up: linux/magic.h. Their files have no size, or no end. */
const MADE_UP = [
  0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x64626720, 0x74726163, 0x73636673, 0xcafe4a11,
  0x6165676c, 0x62656570, 0xde5e81e4, 0x65735543,
];
const S_IFMT = 0o170000;
const S_IFLNK = 0o120000;
const S_IFREG = 0o100000;

/** Slot of the directory that is written into; the lower ones are taken by mounts, the last one by walks. */
const PUT_SLOT = SLOT_COUNT - 2;

/** Throws BAD_INPUT for what no kernel takes as a path. */
export function checkPath(path: string, what: string): string {
  if (path !== '' && !path.includes('\0')) return path;
  throw badInput(`${what} is ${path === '' ? 'empty' : 'no path: it holds a NUL byte'}`, {
    subject: path,
    remedy: 'give a path, such as /etc/hosts',
  });
}

function textOf(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8');
}

/** What a walk of a path is told; "a/" and "a/." follow a link, and refuse what is no directory. */
export function pathWalk(path: string, base: string, flags: number, where: string): WalkOptions {
  const clean = cleanPath(path, base);
  const isDirectory = meansDirectory(path) && clean !== '/';
  return {
    path: isDirectory ? `${clean}/` : clean,
    flags: flags | (isDirectory ? WALK.follow : 0),
    skip: MADE_UP,
    fail: ({ errno }) => pathError(errno, path, where),
  };
}

function statOf(path: string, [file, target]: readonly WalkRecord[]): PathStat {
  if (file === undefined) throw new MydockerError('INTERNAL', 'a walk gave no record');
  const clean = cleanPath(path);
  const isLink = (file.mode & S_IFMT) === S_IFLNK;
  const nowhere = isLink ? cleanPath(textOf(file.linkName), parentOf(clean)) : '';
  return {
    name: baseOf(clean) || '/',
    mode: file.mode,
    uid: file.uid,
    gid: file.gid,
    sizeBytes: (file.mode & S_IFMT) === S_IFREG ? file.size : 0,
    mtimeS: file.mtimeS,
    mtimeNs: file.mtimeNs,
    linkTarget: target === undefined ? nowhere : textOf(target.path),
    targetMode: target?.mode,
  };
}

/** A path in a container. Throws NO_SUCH_PATH. */
export async function statIn(
  core: Core,
  record: ContainerRecord,
  path: string,
  options: ReadOptions = {},
): Promise<PathStat> {
  core.prepare();
  checkPath(path, 'the path in the container');
  const way = await visit(core, record, 'look into');
  try {
    const flags = WALK.alone | WALK.bare | (options.followLink === true ? WALK.follow : 0);
    const walk = { ...pathWalk(path, '/', flags, ` in ${record.name}`), fault: core.fault };
    const list: WalkRecord[] = [];
    const records = walkRecords(walkAfter(core.root, way.enter, `a path of ${record.name}`, walk));
    for await (const one of records) list.push(one);
    return statOf(path, list);
  } finally {
    way.leave();
  }
}

/** What a source's root is called in the archive: Docker's rule, "." for "a/.". */
export function archiveName(path: string, base = '/'): string {
  return meansContent(path) ? '.' : baseOf(cleanPath(path, base)) || '.';
}

const READ_FLAGS = WALK.cross | WALK.holes;

/** The tar of a tree that a walk reads. */
export function tarOf(walk: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  return packTree(walk, Buffer.from(name, 'utf8').toString('latin1'));
}

/** A path of a container, and all below it, as a tar. `name`: what it is called there. */
export async function* copyFrom(
  core: Core,
  record: ContainerRecord,
  path: string,
  options: ReadOptions & { name?: string | undefined } = {},
): AsyncGenerator<Buffer> {
  core.prepare();
  checkPath(path, 'the path in the container');
  const way = await visit(core, record, 'copy from');
  try {
    const flags = READ_FLAGS | (options.followLink === true ? WALK.follow : 0);
    const walk = { ...pathWalk(path, '/', flags, ` in ${record.name}`), fault: core.fault };
    const tree = walkAfter(core.root, way.enter, `the files of ${record.name}`, walk);
    yield* tarOf(tree, options.name ?? archiveName(path));
  } finally {
    way.leave();
  }
}

/** The same for the host's own files. */
export function readLocal(
  core: Core,
  path: string,
  name: string,
  options: ReadOptions,
): AsyncIterable<Buffer> {
  const flags = READ_FLAGS | (options.followLink === true ? WALK.follow : 0);
  return tarOf(walkAfter(core.root, [], path, pathWalk(path, process.cwd(), flags, '')), name);
}

interface Put {
  enter: readonly Step[];
  directory: string;
  where: string;
  followLinks: boolean;
}

async function put(core: Core, tar: AsyncIterable<Buffer>, to: Put, options: WriteOptions): Promise<number> {
  const { owner, replace = false, onProgress } = options;
  const umask = steps('host', { op: 'umask', mask: 0, why: 'modes are those of the archive' });
  const words = {
    title: 'copy',
    what: `cannot copy to ${to.directory}${to.where}`,
    fault: core.fault,
    fail: (...failed: [Parameters<typeof putFailure>[0], Step | undefined]) =>
      putFailure(...failed, to.directory, to.where),
  };
  const { bytes } = await putTree({
    tar,
    enter: [...to.enter, ...umask],
    slot: PUT_SLOT,
    openSteps: (initial) => openStepStream(core.root, initial, words),
    followLinks: to.followLinks,
    replace,
    owner: owner === 'archive' ? undefined : owner,
    onProgress: onProgress === undefined ? undefined : (totals) => onProgress(totals.bytes),
  });
  return bytes;
}

/** Puts a tar into a directory of a container; the bytes of content in it. */
export async function copyTo(
  core: Core,
  record: ContainerRecord,
  path: string,
  tar: AsyncIterable<Buffer>,
  options: WriteOptions = {},
): Promise<number> {
  core.prepare();
  checkPath(path, 'the path in the container');
  const directory = cleanPath(path);
  const way = await visit(core, record, 'copy to');
  try {
    if (!way.isRunning) refuseMountedLater(record, directory);
    const open = steps('host', {
      op: 'open-in-root',
      path: directory,
      slot: PUT_SLOT,
      why: 'what is written is named from here',
    });
    const where = ` in ${record.name}`;
    return await put(
      core,
      tar,
      { enter: [...way.enter, ...open], directory, where, followLinks: true },
      options,
    );
  } finally {
    way.leave();
  }
}

/** Puts a tar into a directory of the host. No link there is followed: the archive's maker must not choose the place. */
export function writeLocal(
  core: Core,
  directory: string,
  tar: AsyncIterable<Buffer>,
  options: WriteOptions,
): Promise<number> {
  const enter = steps('host', {
    op: 'open-path',
    path: directory,
    slot: PUT_SLOT,
    why: 'what is written is named from here',
  });
  return put(core, tar, { enter, directory, where: '', followLinks: false }, options);
}

/** What a start mounts (file systems in memory, images) would cover the copy. */
function refuseMountedLater(record: ContainerRecord, directory: string): void {
  const mountedLater = ['/proc', '/sys', '/dev'];
  for (const mount of record.mounts)
    if (mount.type === 'tmpfs' || mount.type === 'image') mountedLater.push(cleanPath(mount.target));
  const hit = mountedLater.find((target) => `${directory}/`.startsWith(`${target}/`));
  if (hit === undefined) return;
  throw new MydockerError(
    'NOT_RUNNING',
    `cannot copy to ${directory} in ${record.name}: ${hit} is mounted when the container starts`,
    { subject: directory, remedy: `start it first: mydocker start ${record.name}`, exitCode: 1 },
  );
}
