import type { ChainId } from '../storage/index.ts';
import { DiskLower, type LowerDirs, type LowerFile } from './lower.ts';
import { readWalk, type WalkRecord } from './walk.ts';

/** What happened to a path, as Docker's API numbers it: changed, added, deleted. */
export type ChangeKind = 'changed' | 'added' | 'deleted';

/** One changed path. */
export interface Change {
  /** "/etc/passwd". */
  path: string;
  kind: ChangeKind;
}

/** The layers an upper directory lies on. */
export interface LowerLayers {
  root: string;
  /** Their names below `<root>/layers`, oldest first. */
  names: readonly string[];
}

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFCHR = 0o020000;
const OPAQUE = 'trusted.overlay.opaque';

/** A directory of the upper tree whose files are being compared. */
interface Level {
  path: string;
  /** What stands below it. */
  lower: LowerDirs;
  /** Nothing of that shows through: it was removed and made anew, or one above it was. */
  hides: boolean;
  seen: Set<string>;
  /** Listed already; the root never is. */
  listed: boolean;
}

/** gnu_dev_major(3), gnu_dev_minor(3). */
function deviceOf(rdev: bigint): string {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
  return `${major}:${(rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)}`;
}

/** Compares an upper directory with what it lies on, as Docker compares the two whole trees. */
class Comparison {
  readonly changes: Change[] = [];
  private levels: Level[] = [];

  constructor(private readonly lower: DiskLower) {}

  take(record: WalkRecord): void {
    if (record.path === '') {
      const below = this.lower.root();
      const dirs = below?.kind === 'directory' ? below.dirs : [];
      this.levels = [{ path: '', lower: dirs, hides: false, seen: new Set(), listed: true }];
      return;
    }
    const slash = record.path.lastIndexOf('/');
    const base = record.path.slice(slash + 1);
    this.leaveTo(slash < 0 ? '' : record.path.slice(0, slash));
    const level = this.levels.at(-1);
    if (level === undefined) return;
    level.seen.add(base);
    const below = level.lower.length === 0 ? undefined : this.lower.look(level.lower, base);
    const type = record.mode & S_IFMT;
    if (type === S_IFCHR && record.rdevMajor === 0 && record.rdevMinor === 0) {
      if (below !== undefined) this.note(record.path, 'deleted');
      return;
    }
    if (below === undefined) this.note(record.path, 'added');
    else if (this.differs(record, below)) this.note(record.path, 'changed');
    if (type !== S_IFDIR) return;
    this.levels.push({
      path: record.path,
      lower: below?.kind === 'directory' ? below.dirs : [],
      hides: level.hides || record.xattrs.some(([name]) => name === OPAQUE),
      seen: new Set(),
      listed: this.changes.at(-1)?.path === `/${record.path}`,
    });
  }

  /** Ends the directories that do not hold this one. */
  private leaveTo(path: string): void {
    for (let last = this.levels.at(-1); last !== undefined && last.path !== path; last = this.levels.at(-1)) {
      this.leave(last);
      this.levels.pop();
    }
  }

  private leave(level: Level): void {
    if (!level.hides || level.lower.length === 0) return;
    for (const name of this.lower.names(level.lower)) {
      if (level.seen.has(name) || this.lower.look(level.lower, name) === undefined) continue;
      this.note(level.path === '' ? name : `${level.path}/${name}`, 'deleted');
    }
  }

  end(): Change[] {
    for (let last = this.levels.at(-1); last !== undefined; last = this.levels.at(-1)) {
      this.leave(last);
      this.levels.pop();
    }
    const byPath = (a: Change, b: Change): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
    // Sorted as bytes, then made text.
    return this.changes.sort(byPath).map(({ path, kind }) => ({
      path: Buffer.from(path, 'latin1').toString('utf8'),
      kind,
    }));
  }

  /** A change below a directory is one of that directory. */
  private note(path: string, kind: ChangeKind): void {
    for (const level of this.levels) {
      if (level.listed) continue;
      level.listed = true;
      this.changes.push({ path: `/${level.path}`, kind: 'changed' });
    }
    this.changes.push({ path: `/${path}`, kind });
  }

  /** False for a file that was only opened for writing, and for a directory that is here for what it holds. */
  private differs(record: WalkRecord, below: LowerFile): boolean {
    const stat = this.lower.stat(below.kind === 'directory' ? (below.dirs[0] ?? '') : below.at);
    if (stat === undefined) return true;
    const { mode, uid, gid, size, linkName, mtimeS, mtimeNs } = record;
    if (BigInt(mode) !== stat.mode || BigInt(uid) !== stat.uid || BigInt(gid) !== stat.gid) return true;
    if ((mode & S_IFMT) === S_IFDIR) return false;
    if (`${record.rdevMajor}:${record.rdevMinor}` !== deviceOf(stat.rdev)) return true;
    if (below.kind === 'symlink') return linkName !== below.target;
    if ((mode & S_IFMT) === S_IFREG && BigInt(size) !== stat.size) return true;
    if (BigInt(mtimeS) * 1_000_000_000n + BigInt(mtimeNs) !== stat.mtimeNs) return true;
    // Node reads no attributes of the lower file.
    return record.xattrs.some(([name]) => name === 'security.capability');
  }
}

/**
 * What an upper directory, as walked, changes of the layers below it, sorted by path. A directory that was removed and
 * made anew lists what is gone from it as deleted; below a deleted directory nothing is listed.
 */
export async function changedPaths(walk: AsyncIterable<Buffer>, lower: LowerLayers): Promise<Change[]> {
  const chainIds = lower.names.map((name) => `sha256:${name}` as ChainId);
  const comparison = new Comparison(new DiskLower(lower.root, chainIds));
  for await (const { record } of readWalk(walk)) comparison.take(record);
  return comparison.end();
}
