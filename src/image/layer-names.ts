import { excerpt } from '../base/index.ts';
import { badLayer } from './bad-layer.ts';
import type { DirectoryNode, Node } from './layer-tree.ts';
import type { TarEntry } from './tar-entry.ts';

/** NAME_MAX and PATH_MAX without its NUL: limits.h. */
const MAX_NAME_BYTES = 255;
const MAX_PATH_BYTES = 4095;

/** "/a/./b/" gives ["a", "b"]. Refuses "..": an archive that needs it wants out (path traversal). */
export function cleanParts(name: string): string[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw badLayer(`the name "${excerpt(name)}" leads outside ("..")`);
  return parts;
}

/** Device 0:0 is overlayfs's own whiteout, however it came here: overlayfs.rst § whiteouts and opaque directories. */
export function isOverlayWhiteout({ type, devMajor, devMinor }: TarEntry): boolean {
  return type === 'character-device' && devMajor === 0 && devMinor === 0;
}

/** Here only because a hard link needed it. */
export function isCopied(node: Node): boolean {
  return node.kind === 'copied' || (node.kind === 'symlink' && node.isCopied === true);
}

/** The error for a hard link to nothing. */
export function noTarget(entry: TarEntry): Error {
  const [name, target] = [excerpt(entry.name), excerpt(entry.linkName)];
  return badLayer(`"${name}" is a hard link to "${target}", which is no file of this layer or of one below`);
}

/** A name in a directory. Throws BAD_LAYER for one that the kernel does not take. */
export function pathIn(dir: DirectoryNode, base: string): string {
  const path = `${dir.path}/${base}`;
  if (base.length <= MAX_NAME_BYTES && path.length <= MAX_PATH_BYTES) return path;
  throw badLayer(`the name "${excerpt(path)}" is longer than the kernel takes`);
}
