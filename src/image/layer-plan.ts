import { excerpt } from '../base/index.ts';
import type { Action } from '../plan/index.ts';
import { badLayer } from './bad-layer.ts';
import { cleanParts, isCopied, isOverlayWhiteout, noTarget, pathIn } from './layer-names.ts';
import { attributes, copyAttributes, creation, LAYERS_SLOT, opaque, utimes } from './layer-steps.ts';
import { type DirectoryNode, LayerTree, type Node } from './layer-tree.ts';
import { type Lower, type LowerDirs, type LowerFile, NO_LOWER } from './lower.ts';
import type { TarEntry } from './tar-entry.ts';

/*
 * Decides what an archive's entries become in a layer's directory, which starts empty: what lies below it are other
 * directories, and is only looked at. Whiteouts are turned into overlayfs's own: image-spec layer.md § Whiteouts;
 * kernel overlayfs.rst. Where a name leads is decided as a container would see it, links of lower layers included.
 */

/** What an entry takes: steps, for a file its content, and steps after it. */
export interface EntrySteps {
  before: Action[];
  /** Where the content goes; undefined: the entry has none, or none that matters. */
  filePath: string | undefined;
  after: Action[];
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** ".wh..wh.plnk" and its like are aufs's own notes; they hide nothing. */
const AUFS_NOTE = '.wh..wh.';
const S_IFCHR = 0o020000;
const MAX_LINKS = 40;
/** Plans the entries of one layer, in the archive's order. */
export class LayerPlanner {
  private readonly tree = new LayerTree();
  private isRootNamed = false;
  /** The parent found last: entries of one directory mostly come together. */
  private known: { parts: string; version: number; dir: DirectoryNode } | undefined;

  constructor(private readonly lower: Lower = NO_LOWER) {}

  /** Directories made so far, named by the archive or not. */
  get directoryCount(): number {
    return this.tree.directoryCount;
  }

  /** Steps of one entry. Throws MydockerError BAD_LAYER. */
  plan(entry: TarEntry): EntrySteps {
    const parts = cleanParts(entry.name);
    const base = parts.pop();
    const before: Action[] = [];
    if (base === undefined) {
      if (entry.type !== 'directory') throw badLayer(`"${excerpt(entry.name)}" is no directory`);
      this.isRootNamed = true;
      this.tree.root.time = { mtimeS: entry.mtimeS, mtimeNs: entry.mtimeNs };
      return { before, filePath: undefined, after: attributes('/', entry) };
    }
    if (parts.some((part) => part.startsWith(AUFS_NOTE))) return { before, filePath: undefined, after: [] };
    const isWhiteout = base.startsWith(WHITEOUT) || isOverlayWhiteout(entry);
    const parent = this.parentOf(parts, before, isWhiteout);
    // umoci writes "dir/.wh.x" for what was in a directory that is a file now.
    if (parent === undefined) return { before, filePath: undefined, after: [] };
    if (isWhiteout) {
      if (base.startsWith(WHITEOUT)) this.whiteout(parent, base, before);
      else this.hide(parent, base, before);
      return { before, filePath: undefined, after: [] };
    }
    const path = pathIn(parent, base);
    if (entry.type === 'directory') this.directory(parent, base, entry, before);
    else this.file(parent, base, entry, before);
    if (entry.type === 'link') return { before, filePath: undefined, after: [] };
    const filePath = entry.type === 'file' ? path : undefined;
    return { before, filePath, after: attributes(path, entry) };
  }

  /** Steps after the last entry. */
  *end(): Generator<Action> {
    const { root } = this.tree;
    const below = this.lower.root();
    if (below?.kind === 'directory') {
      if (!this.isRootNamed) {
        yield copyAttributes(below.dirs, '/');
        root.time = below;
      }
      // The kernel asks no layer's root whether it is opaque: every name below has to be hidden.
      if (root.isOpaque) yield* this.hideAll(below.dirs);
    }
    // Directories get their times when nothing more is written into them.
    for (const { path, time } of this.tree.directories()) {
      if (time !== undefined) yield utimes(path || '/', time);
    }
  }

  /** Paths of the directories that nothing shows through; for LayerFacts. */
  opaque(): string[] {
    return Array.from(this.tree.directories()).flatMap((dir) => (dir.isOpaque ? [dir.path] : []));
  }

  private *hideAll(dirs: LowerDirs): Generator<Action> {
    const { root } = this.tree;
    for (const name of this.lower.names(dirs)) {
      const out: Action[] = [];
      this.hide(root, name, out, true);
      yield* out;
    }
  }

  /** What shows through from below under a name of which the layer itself says nothing. */
  private below(dir: DirectoryNode, base: string): LowerFile | undefined {
    const dirs = this.lowerDirs(dir);
    return dirs.length === 0 ? undefined : this.lower.look(dirs, base);
  }

  private lowerDirs(dir: DirectoryNode): LowerDirs {
    if (dir.isOpaque) return [];
    if (dir.lower === undefined) {
      const base = dir.path.slice(dir.path.lastIndexOf('/') + 1);
      const found = dir.parent === undefined ? this.lower.root() : this.below(dir.parent, base);
      dir.lower = found?.kind === 'directory' ? found.dirs : [];
    }
    return dir.lower;
  }

  /**
   * The directory those names lead to, through links ("lib -> usr/lib") of this layer and of those below, never out
   * of the root. What is missing in this layer is made, like the directory below it if there is one. For a whiteout no
   * file of this layer has to give way: undefined, there is nothing left to hide.
   */
  private parentOf(parts: readonly string[], out: Action[], isWhiteout = false): DirectoryNode | undefined {
    const joined = parts.join('/');
    if (this.known?.parts === joined && this.known.version === this.tree.version) return this.known.dir;
    const queue = parts.slice().reverse();
    let here = this.tree.root;
    let isThroughLower = false;
    for (let hops = 0; queue.length > 0; ) {
      const part = queue.pop() ?? '';
      if (part === '' || part === '.') continue;
      if (part === '..') {
        here = here.parent ?? here;
        continue;
      }
      const node = this.tree.get(here, part);
      const below = node === undefined ? this.below(here, part) : undefined;
      const link = node?.kind === 'symlink' ? node : below?.kind === 'symlink' ? below : undefined;
      if (link !== undefined) {
        if (++hops > MAX_LINKS) throw badLayer(`the links below "${excerpt(joined)}" lead in a circle`);
        for (const next of link.target.split('/').reverse()) queue.push(next);
        if (link.target.startsWith('/')) here = this.tree.root;
        isThroughLower ||= link === below;
      } else if (node?.kind === 'directory') here = node;
      else if (isWhiteout && node !== undefined && node.kind !== 'whiteout') return undefined;
      else here = this.missing(here, part, node, below, out);
    }
    // A link below may be hidden by any later file.
    this.known = isThroughLower ? undefined : { parts: joined, version: this.tree.version, dir: here };
    return here;
  }

  /** A directory that the archive does not name. */
  private missing(
    parent: DirectoryNode,
    base: string,
    old: Node | undefined,
    below: LowerFile | undefined,
    out: Action[],
  ): DirectoryNode {
    if (base.startsWith(WHITEOUT)) throw badLayer(`"${excerpt(base)}" is no name for a directory`);
    const node = this.makeDirectory(parent, base, old, 0o755, out);
    if (below?.kind === 'directory') {
      node.lower = below.dirs;
      node.time = below;
      out.push(copyAttributes(below.dirs, node.path));
    }
    return node;
  }

  private makeDirectory(
    parent: DirectoryNode,
    base: string,
    old: Node | undefined,
    mode: number,
    out: Action[],
  ): DirectoryNode {
    const path = pathIn(parent, base);
    if (old !== undefined) out.push({ op: 'unlink', path });
    out.push({ op: 'mkdir', path, mode });
    const node = this.tree.addDirectory(parent, base);
    if (old !== undefined) {
      // What stood here hid what is below; so must the directory.
      node.isOpaque = true;
      out.push(opaque(path));
    }
    return node;
  }

  private directory(parent: DirectoryNode, base: string, entry: TarEntry, out: Action[]): void {
    const old = this.tree.get(parent, base);
    const node = old?.kind === 'directory' ? old : this.makeDirectory(parent, base, old, entry.mode, out);
    node.time = { mtimeS: entry.mtimeS, mtimeNs: entry.mtimeNs };
  }

  private whiteout(parent: DirectoryNode, base: string, out: Action[]): void {
    if (base === OPAQUE) {
      this.makeOpaque(parent, out);
      return;
    }
    if (base.startsWith(AUFS_NOTE)) return;
    const hidden = base.slice(WHITEOUT.length);
    if (hidden === '' || hidden === '.' || hidden === '..')
      throw badLayer(`"${excerpt(base)}" hides no file`);
    this.hide(parent, hidden, out);
  }

  /**
   * A whiteout is about the layers below only; what this layer has there itself stays and hides them too. One that
   * hides nothing is left out: in a directory that overlayfs need not merge it would be seen, as a name without a
   * file. `always`: of the root, which is merged whatever it says.
   */
  private hide(parent: DirectoryNode, base: string, out: Action[], always = false): void {
    const path = pathIn(parent, base);
    const node = this.tree.get(parent, base);
    if (node?.kind === 'directory') {
      this.makeOpaque(node, out);
      return;
    }
    if (node !== undefined && !isCopied(node)) return;
    if (node !== undefined) {
      out.push({ op: 'unlink', path });
      this.tree.remove(parent, base);
    }
    if (!always && this.below(parent, base) === undefined) return;
    out.push({ op: 'mknod', path, mode: S_IFCHR, major: 0, minor: 0 });
    this.tree.set(parent, base, { kind: 'whiteout' });
  }

  private makeOpaque(dir: DirectoryNode, out: Action[]): void {
    dir.isOpaque = true;
    out.push(opaque(dir.path || '/'));
    this.dropLower(dir, out);
  }

  /** Nothing is below any more: what only came from there goes, and what only hid it. */
  private dropLower(dir: DirectoryNode, out: Action[]): void {
    for (const [base, node] of dir.children) {
      if (node.kind === 'directory') {
        node.lower = [];
        this.dropLower(node, out);
      } else if (node.kind === 'whiteout' || isCopied(node)) {
        out.push({ op: 'unlink', path: pathIn(dir, base) });
        this.tree.remove(dir, base);
      }
    }
  }

  private file(parent: DirectoryNode, base: string, entry: TarEntry, out: Action[]): void {
    const path = pathIn(parent, base);
    const target = entry.type === 'link' ? this.linkTarget(entry, out) : undefined;
    if (target !== undefined && `${target.path}/`.startsWith(`${path}/`)) {
      throw badLayer(`"${excerpt(entry.name)}" is a hard link to itself`);
    }
    const old = this.tree.get(parent, base);
    if (old?.kind === 'directory') out.push({ op: 'remove-tree', path });
    else if (old !== undefined && entry.type !== 'file') out.push({ op: 'unlink', path });
    const { action, node } = creation(path, entry, target);
    if (action !== undefined) out.push(action);
    if (node.kind === 'other') this.tree.setFile(parent, base);
    else this.tree.set(parent, base, node);
  }

  /** The file a hard link means. One of a layer below is copied up first, as a change of it would be. */
  private linkTarget(entry: TarEntry, out: Action[]): { path: string; node: Node } {
    const parts = cleanParts(entry.linkName);
    const base = parts.pop() ?? '';
    const dir = this.parentOf(parts, out);
    if (dir === undefined) throw noTarget(entry);
    const path = pathIn(dir, base);
    const node = this.tree.get(dir, base);
    const below = node === undefined ? this.below(dir, base) : undefined;
    if (below === undefined ? node === undefined : below.kind === 'directory') throw noTarget(entry);
    if (node?.kind === 'directory' || node?.kind === 'whiteout') throw noTarget(entry);
    if (node !== undefined) return { path, node };
    if (below === undefined || below.kind === 'directory') throw noTarget(entry);
    out.push({ op: 'copy-up', slot: LAYERS_SLOT, from: below.at, path });
    const copied: Exclude<Node, DirectoryNode> =
      below.kind === 'symlink'
        ? { kind: 'symlink', target: below.target, isCopied: true }
        : { kind: 'copied' };
    this.tree.set(dir, base, copied);
    return { path, node: copied };
  }
}
