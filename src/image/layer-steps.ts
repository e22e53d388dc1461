import type { Action } from '../plan/index.ts';
import type { DirectoryNode, Node } from './layer-tree.ts';
import type { LowerDirs } from './lower.ts';
import type { TarEntry } from './tar-entry.ts';

/** The slot that holds the directory of all layers. */
export const LAYERS_SLOT = 0;

/**
 * Extended attributes a layer may set. Never trusted.overlay.*: with "redirect" an archive could show a
 * directory of a lower layer elsewhere. Others (selinux labels) belong to the machine the archive was made on.
 */
export function isAllowedXattr(name: string, type: TarEntry['type']): boolean {
  if (name === 'security.capability') return type === 'file';
  // The kernel has user attributes on files and directories only: xattr(7).
  return name.startsWith('user.') && (type === 'file' || type === 'directory');
}

/** Owner before mode and attributes: chown(2) clears setuid bits and capabilities. Times last; a file's come with it. */
export function attributes(path: string, entry: TarEntry): Action[] {
  const { uid, gid, mode, type } = entry;
  const list: Action[] = type === 'file' ? [] : [{ op: 'chown', path, uid, gid }];
  if (type !== 'symlink' && type !== 'file') list.push({ op: 'chmod', path, mode });
  for (const [name, value] of entry.xattrs) {
    if (isAllowedXattr(name, type)) list.push({ op: 'xattr', path, name, value });
  }
  if (type !== 'directory' && type !== 'file') list.push(utimes(path, entry));
  return list;
}

/** The metadata of the newest of those directories, for one that the archive does not name. */
export function copyAttributes(dirs: LowerDirs, path: string): Action {
  return { op: 'copy-attributes', slot: LAYERS_SLOT, from: dirs[0] ?? '', path };
}

/** Nothing of the layers below shows through. */
export function opaque(path: string): Action {
  return { op: 'xattr', path, name: 'trusted.overlay.opaque', value: Buffer.from('y') };
}

/** The time of the last change. */
export function utimes(path: string, { mtimeS, mtimeNs }: { mtimeS: number; mtimeNs: number }): Action {
  return { op: 'utimes', path, seconds: mtimeS, nanoseconds: mtimeNs };
}

const OTHER = { kind: 'other' } as const;
const S_IFMT = { fifo: 0o010000, 'character-device': 0o020000, 'block-device': 0o060000 } as const;

/** What makes a file, and what it is from then on; a plain one is made together with its content. */
export function creation(
  path: string,
  entry: TarEntry,
  target: { path: string; node: Node } | undefined,
): { action: Action | undefined; node: Exclude<Node, DirectoryNode> } {
  const { type, mode, linkName, devMajor: major, devMinor: minor } = entry;
  if (type === 'symlink') {
    return { action: { op: 'symlink', target: linkName, path }, node: { kind: 'symlink', target: linkName } };
  }
  if (type === 'link') {
    const node = target?.node;
    const action: Action = { op: 'link', from: target?.path ?? '', path };
    return { action, node: node?.kind === 'symlink' ? { kind: 'symlink', target: node.target } : OTHER };
  }
  if (type === 'file' || type === 'directory') return { action: undefined, node: OTHER };
  return { action: { op: 'mknod', path, mode: S_IFMT[type] | mode, major, minor }, node: OTHER };
}
