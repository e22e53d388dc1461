import type { LowerDirs } from './lower.ts';
import { NameSet } from './name-set.ts';

/** A directory of the layer. */
export interface DirectoryNode {
  readonly kind: 'directory';
  /** "" for the root, else "/usr/lib". */
  readonly path: string;
  /** Another one for each directory that ever was: names in a removed one are gone with it. */
  readonly serial: number;
  readonly parent: DirectoryNode | undefined;
  /** What shows through from below; undefined: not looked at yet. */
  lower: LowerDirs | undefined;
  isOpaque: boolean;
  /** Set when nothing more is written into it. */
  time: { mtimeS: number; mtimeNs: number } | undefined;
  readonly children: Map<string, Node>;
}

/** What a name can be that matters later. */
export type Node =
  | DirectoryNode
  | { kind: 'symlink'; target: string; isCopied?: boolean }
  /** Hides what is below. */
  | { kind: 'whiteout' }
  /** A file that came up from below, for a hard link to it. */
  | { kind: 'copied' }
  /** Any other file: known by the set of names only. */
  | { kind: 'other' };

const OTHER: Node = { kind: 'other' };

/** What a layer's entries have made so far. Never looks at a disk. */
export class LayerTree {
  private serials = 0;
  /** Changes with every directory and link: a way that was resolved before may lead elsewhere now. */
  version = 0;
  private readonly files = new NameSet();
  readonly root: DirectoryNode = this.directory('', undefined);

  private directory(path: string, parent: DirectoryNode | undefined): DirectoryNode {
    const fresh = { lower: undefined, isOpaque: false, time: undefined };
    return { kind: 'directory', path, parent, serial: this.serials++, ...fresh, children: new Map() };
  }

  get(dir: DirectoryNode, base: string): Node | undefined {
    return dir.children.get(base) ?? (this.files.has(dir.serial, base) ? OTHER : undefined);
  }

  /** Directories made so far, those that were removed again too. */
  get directoryCount(): number {
    return this.serials;
  }

  /** A file whose kind matters no more. */
  setFile(dir: DirectoryNode, base: string): void {
    if (dir.children.delete(base)) this.version++;
    this.files.add(dir.serial, base);
  }

  set(dir: DirectoryNode, base: string, node: Exclude<Node, DirectoryNode>): void {
    dir.children.set(base, node);
    this.version++;
  }

  /** The name is free again. */
  remove(dir: DirectoryNode, base: string): void {
    dir.children.delete(base);
    this.version++;
  }

  addDirectory(dir: DirectoryNode, base: string): DirectoryNode {
    const node = this.directory(`${dir.path}/${base}`, dir);
    dir.children.set(base, node);
    this.version++;
    return node;
  }

  /** Every directory that is still there, the root first. */
  *directories(): Generator<DirectoryNode> {
    const stack = [this.root];
    for (let dir = stack.pop(); dir !== undefined; dir = stack.pop()) {
      yield dir;
      for (const child of dir.children.values()) if (child.kind === 'directory') stack.push(child);
    }
  }
}
