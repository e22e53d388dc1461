import type { Action } from '../plan/index.ts';
import type { TarEntry } from './tar-entry.ts';
import { badLayer } from './tar-read.ts';

/*
 * Decides what an archive's entries become in a layer's directory, which starts empty and is unpacked alone:
 * what lies below it is another directory. Pure: it remembers what it planned and never looks at a disk.
 * Whiteouts are turned into overlayfs's own: image-spec layer.md § Whiteouts; kernel overlayfs.rst.
 */

/** What an entry takes: steps, for a file its content between them. */
export interface EntrySteps {
  before: Action[];
  after: Action[];
}

type Node =
  | { kind: 'directory' }
  | { kind: 'symlink'; target: string }
  | { kind: 'other' }
  | { kind: 'whiteout' };

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
const MAX_LINKS = 40;
const S_IFMT = { fifo: 0o010000, 'character-device': 0o020000, 'block-device': 0o060000 } as const;

/** "/a/./b/" gives ["a", "b"]. Refuses "..": an archive that needs it wants out (path traversal). */
export function cleanParts(name: string): string[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw badLayer(`the name "${name}" leads outside ("..")`);
  return parts;
}

/**
 * Extended attributes a layer may set. Never trusted.overlay.*: with "redirect" an archive could show a
 * directory of a lower layer elsewhere. Others (selinux labels) belong to the machine the archive was made on.
 */
function isAllowedXattr(name: string): boolean {
  return name.startsWith('user.') || name === 'security.capability';
}

/** Plans the entries of one layer, in the archive's order. */
export class LayerPlanner {
  private readonly nodes = new Map<string, Node>([['', { kind: 'directory' }]]);
  private readonly directoryTimes = new Map<string, number>();

  /** Steps of one entry. Throws MydockerError BAD_LAYER. */
  plan(entry: TarEntry): EntrySteps {
    const parts = cleanParts(entry.name);
    const base = parts.pop();
    if (base === undefined) {
      if (entry.type !== 'directory') throw badLayer(`"${entry.name}" is no directory`);
      return { before: [], after: this.metadata('', entry) };
    }
    const before: Action[] = [];
    const parent = this.parentOf(parts, before);
    if (base.startsWith(WHITEOUT)) {
      this.whiteout(parent, base, before);
      return { before, after: [] };
    }
    const path = `${parent}/${base}`;
    this.replace(path, entry, before);
    return { before, after: entry.type === 'link' ? [] : this.metadata(path, entry) };
  }

  /** Steps after the last entry: directories get their times when nothing more is written into them. */
  end(): Action[] {
    return [...this.directoryTimes].map(([path, mtimeS]) => utimes(path || '/', mtimeS));
  }

  /** Resolves links the layer itself brought ("lib -> usr/lib"), inside its root, and makes missing directories. */
  private parentOf(parts: readonly string[], out: Action[]): string {
    const queue = [...parts];
    let here = '';
    for (let hops = 0; queue.length > 0; ) {
      const part = queue.shift() ?? '';
      if (part === '' || part === '.') continue;
      if (part === '..') {
        here = here.slice(0, Math.max(0, here.lastIndexOf('/')));
        continue;
      }
      const next = `${here}/${part}`;
      const node = this.nodes.get(next);
      if (node?.kind === 'symlink') {
        if (++hops > MAX_LINKS) throw badLayer(`the links below "${parts.join('/')}" lead in a circle`);
        queue.unshift(...node.target.split('/'));
        if (node.target.startsWith('/')) here = '';
        continue;
      }
      if (node?.kind !== 'directory') this.makeDirectory(next, node, 0o755, out);
      here = next;
    }
    return here;
  }

  private makeDirectory(path: string, old: Node | undefined, mode: number, out: Action[]): void {
    if (old !== undefined) out.push({ op: 'unlink', path });
    out.push({ op: 'mkdir', path, mode });
    this.nodes.set(path, { kind: 'directory' });
    if (old !== undefined) out.push(opaque(path));
  }

  private whiteout(parent: string, base: string, out: Action[]): void {
    if (base === OPAQUE) {
      out.push(opaque(parent || '/'));
      return;
    }
    const hidden = base.slice(WHITEOUT.length);
    // ".wh..wh.plnk" and its like are aufs's own notes; they hide nothing.
    if (hidden.startsWith(WHITEOUT)) return;
    if (hidden === '' || hidden === '.' || hidden === '..') throw badLayer(`"${base}" hides no file`);
    const path = `${parent}/${hidden}`;
    const node = this.nodes.get(path);
    // A whiteout is about the layers below only; what this layer has there itself stays and hides them too.
    if (node?.kind === 'directory') out.push(opaque(path));
    else if (node === undefined) {
      out.push({ op: 'mknod', path, mode: S_IFMT['character-device'], major: 0, minor: 0 });
      this.nodes.set(path, { kind: 'whiteout' });
    }
  }

  private replace(path: string, entry: TarEntry, out: Action[]): void {
    const old = this.nodes.get(path);
    if (entry.type === 'directory') {
      if (old?.kind !== 'directory') this.makeDirectory(path, old, entry.mode, out);
      return;
    }
    if (old?.kind === 'directory') {
      out.push({ op: 'remove-tree', path });
      this.forget(path);
    } else if (old !== undefined && entry.type !== 'file') out.push({ op: 'unlink', path });
    out.push(this.create(path, entry));
    this.nodes.set(
      path,
      entry.type === 'symlink' ? { kind: 'symlink', target: entry.linkName } : { kind: 'other' },
    );
  }

  private create(path: string, entry: TarEntry): Action {
    switch (entry.type) {
      case 'symlink':
        return { op: 'symlink', target: entry.linkName, path };
      case 'link':
        return { op: 'link', from: this.linkTarget(entry), path };
      case 'fifo':
      case 'character-device':
      case 'block-device': {
        const mode = S_IFMT[entry.type] | entry.mode;
        return { op: 'mknod', path, mode, major: entry.devMajor, minor: entry.devMinor };
      }
      default:
        // Not the final mode: nobody shall run a half-written setuid file.
        return { op: 'create-file', path, mode: 0o600 };
    }
  }

  private linkTarget(entry: TarEntry): string {
    const parts = cleanParts(entry.linkName);
    const base = parts.pop() ?? '';
    const target = `${this.parentOf(parts, [])}/${base}`;
    const node = this.nodes.get(target);
    if (node === undefined || node.kind === 'directory' || node.kind === 'whiteout') {
      throw badLayer(
        `"${entry.name}" is a hard link to "${entry.linkName}", which is no file of this archive`,
      );
    }
    return target;
  }

  private forget(path: string): void {
    for (const known of this.nodes.keys()) {
      if (known === path || known.startsWith(`${path}/`)) {
        this.nodes.delete(known);
        this.directoryTimes.delete(known);
      }
    }
  }

  /** Owner before mode and attributes: chown(2) clears setuid bits and capabilities. Times last. */
  private metadata(path: string, entry: TarEntry): Action[] {
    const at = path || '/';
    const list: Action[] = [{ op: 'chown', path: at, uid: entry.uid, gid: entry.gid }];
    if (entry.type !== 'symlink') {
      list.push({ op: 'chmod', path: at, mode: entry.mode });
      for (const [name, value] of entry.xattrs) {
        if (isAllowedXattr(name)) list.push({ op: 'xattr', path: at, name, value });
      }
    }
    if (entry.type === 'directory') this.directoryTimes.set(path, entry.mtimeS);
    else list.push(utimes(at, entry.mtimeS));
    return list;
  }
}

function opaque(path: string): Action {
  return { op: 'xattr', path, name: 'trusted.overlay.opaque', value: Buffer.from('y') };
}

function utimes(path: string, mtimeS: number): Action {
  const seconds = Math.floor(mtimeS);
  const nanoseconds = Math.min(999_999_999, Math.round((mtimeS - seconds) * 1e9));
  return { op: 'utimes', path, seconds, nanoseconds };
}
