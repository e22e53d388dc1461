import { MydockerError } from '../base/index.ts';
import { type EntryType, type TarEntry, tarEntry } from './tar-entry.ts';
import { TAR_END, tarHeader, tarPadding, tarSparseHeader } from './tar-write.ts';
import { readWalk, type WalkedFile, type WalkRecord } from './walk.ts';

/**
 * What is walked, and for what. upper: an overlay's upper directory, in which device 0:0 means "deleted" and the opaque
 * attribute "nothing of below shows through" (overlayfs.rst), for a layer. directory: any tree, taken as it is, for a
 * layer. tree: the same, but for no layer: any name goes.
 */
export type WalkKind = 'upper' | 'directory' | 'tree';

const S_IFMT = 0o170000;
const TYPES: ReadonlyMap<number, EntryType> = new Map([
  [0o010000, 'fifo'],
  [0o020000, 'character-device'],
  [0o040000, 'directory'],
  [0o060000, 'block-device'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
]);

/** What a record becomes: an entry that takes the content or none, and whiteouts. */
export interface PackedEntries {
  entries: TarEntry[];
  /** The last entry is a file, and the record's content its own. */
  takesContent: boolean;
}

const NOTHING: PackedEntries = { entries: [], takesContent: false };
const OVERLAY = 'trusted.overlay.';

function whiteout(path: string, name: string, record: WalkRecord): TarEntry {
  const slash = path.lastIndexOf('/') + 1;
  const { uid, gid } = record;
  return tarEntry(path.slice(0, slash) + name, 'file', 0o600, {
    uid,
    gid,
    mtimeS: record.mtimeS,
    mtimeNs: record.mtimeNs,
  });
}

/** Decides, record by record, what goes into the layer. Pure. image-spec layer.md § Representing Changes. */
export class LayerPacker {
  private readonly firstNames = new Map<string, string>();

  /** `rootName`: what the walk's root is called in the archive; undefined: it is "./", and names begin below it. */
  constructor(
    private readonly kind: WalkKind,
    private readonly rootName?: string,
  ) {}

  private nameOf(path: string): string {
    if (this.rootName === undefined) return path === '' ? './' : path;
    return path === '' ? this.rootName : `${this.rootName}/${path}`;
  }

  /** Throws MydockerError CANNOT_PACK for what a layer cannot hold. */
  pack(record: WalkRecord): PackedEntries {
    const { path, mode } = record;
    const type = TYPES.get(mode & S_IFMT);
    // Sockets: a file without a process behind it; no tar has them.
    if (type === undefined) return NOTHING;
    const base = path.slice(path.lastIndexOf('/') + 1);
    if (base.startsWith('.wh.') && this.kind !== 'tree')
      throw cannotPack(path, 'a layer cannot hold a file whose name begins with ".wh."');
    const isUpper = this.kind === 'upper';
    if (isUpper && type === 'character-device' && record.rdevMajor === 0 && record.rdevMinor === 0) {
      return { entries: [whiteout(path, `.wh.${base}`, record)], takesContent: false };
    }
    if (isUpper) this.checkOverlay(record);
    const entry = this.entryOf(record, type);
    const entries = [entry];
    if (isUpper && type === 'directory' && record.xattrs.some(([name]) => name === `${OVERLAY}opaque`)) {
      entries.push(whiteout(path === '' ? '' : `${path}/`, '.wh..wh..opq', record));
    }
    return { entries, takesContent: entry.type === 'file' };
  }

  /** Attributes that make a file of the upper directory a mere pointer to one below. */
  private checkOverlay(record: WalkRecord): void {
    for (const [name] of record.xattrs) {
      if (name === `${OVERLAY}redirect` || name === `${OVERLAY}metacopy`) {
        throw cannotPack(record.path, `it carries ${name}: the overlay was mounted with that feature on`);
      }
    }
  }

  private entryOf(record: WalkRecord, type: EntryType): TarEntry {
    const { path, mode, uid, gid, size } = record;
    const common = { uid, gid, mtimeS: record.mtimeS, mtimeNs: record.mtimeNs };
    const name = this.nameOf(path);
    if (type !== 'directory' && record.nlink > 1) {
      const inode = `${record.dev}:${record.ino}`;
      const first = this.firstNames.get(inode);
      if (first !== undefined) return tarEntry(name, 'link', mode & 0o7777, { ...common, linkName: first });
      this.firstNames.set(inode, name);
    }
    return tarEntry(name, type, mode & 0o7777, {
      ...common,
      size: type === 'file' ? size : 0,
      linkName: type === 'symlink' ? record.linkName : '',
      devMajor: type.endsWith('device') ? record.rdevMajor : 0,
      devMinor: type.endsWith('device') ? record.rdevMinor : 0,
      xattrs: record.xattrs.filter(([key]) => !key.startsWith(OVERLAY)),
    });
  }
}

function cannotPack(path: string, why: string): MydockerError {
  return new MydockerError('CANNOT_PACK', `cannot put "${path}" into a layer: ${why}`, { subject: path });
}

const CHUNK_BYTES = 64 * 1024;

/** Headers of a record's entries, and how many bytes of content and padding follow. */
function headersOf({ record, pieces }: WalkedFile, { entries, takesContent }: PackedEntries) {
  const last = entries.at(-1);
  if (pieces === undefined || last === undefined || !takesContent) {
    return { headers: entries.map((entry) => tarHeader(entry)), storedBytes: takesContent ? record.size : 0 };
  }
  const { header, storedBytes } = tarSparseHeader(last, pieces);
  return { headers: [...entries.slice(0, -1).map((entry) => tarHeader(entry)), header], storedBytes };
}

/** The tar of a walked tree. The same tree gives the same bytes. `rootName`: see LayerPacker. */
export async function* packWalk(
  walk: AsyncIterable<Buffer>,
  kind: WalkKind,
  rootName?: string,
): AsyncGenerator<Buffer> {
  const packer = new LayerPacker(kind, rootName);
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const take = (bytes: Buffer) => {
    pending.push(bytes);
    pendingBytes += bytes.length;
    return pendingBytes >= CHUNK_BYTES;
  };
  const drain = () => {
    const whole = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    return whole;
  };
  for await (const file of readWalk(walk)) {
    const packed = packer.pack(file.record);
    const { headers, storedBytes } = headersOf(file, packed);
    for (const header of headers) if (take(header)) yield drain();
    if (!packed.takesContent) continue;
    for await (const part of file.content) if (take(part)) yield drain();
    take(tarPadding(storedBytes));
  }
  take(TAR_END);
  yield drain();
}
