import { MydockerError } from '../base/index.ts';
import {
  blobBytes,
  type DiffId,
  type Digest,
  type ImageId,
  type IndexEntry,
  isDigest,
  type ManifestDigest,
  readBlob,
} from '../storage/index.ts';

/** Media types this engine writes: image-spec media-types.md. */
export const MEDIA = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

/** A pointer to a blob: image-spec descriptor.md. `size` in bytes. */
export interface Descriptor<D extends Digest = Digest> {
  mediaType: string;
  digest: D;
  size: number;
}

/** image-spec manifest.md. */
export interface Manifest {
  schemaVersion: 2;
  mediaType?: string;
  config: Descriptor<ImageId>;
  layers: Descriptor[];
}

/** How a container of the image runs unless told otherwise: image-spec config.md § config. */
export interface ImageConfig {
  User?: string;
  ExposedPorts?: Record<string, object>;
  /** "KEY=value". */
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, object>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
}

/** One line of an image's history. */
export interface HistoryEntry {
  created?: string;
  created_by?: string;
  comment?: string;
  author?: string;
  empty_layer?: boolean;
}

/** The whole config blob: image-spec config.md. */
export interface ImageFile {
  created?: string;
  author?: string;
  architecture: string;
  os: string;
  variant?: string;
  config?: ImageConfig;
  rootfs: { type: 'layers'; diff_ids: DiffId[] };
  history?: HistoryEntry[];
}

/** The name of this machine's architecture in images: "amd64", "arm64". */
export function imageArchitecture(): string {
  const names: Partial<Record<string, string>> = { x64: 'amd64', ia32: '386' };
  return names[process.arch] ?? process.arch;
}

/** A blob that must be a JSON object. Throws MydockerError CORRUPT_IMAGE or MISSING_BLOB. */
export function readJson(root: string, digest: Digest, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(readBlob(root, digest).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw corruptImage(digest, `its ${what} is no JSON object`);
}

/** The error for an image whose blobs make no sense. */
export function corruptImage(subject: string, why: string): MydockerError {
  return new MydockerError('CORRUPT_IMAGE', `cannot read the image ${subject}: ${why}`, {
    subject,
    remedy: 'remove the image with "mydocker rmi -f" and import it again',
  });
}

/** Before a blob is sent on as it lies there. Throws MISSING_BLOB, CORRUPT_IMAGE for one that somebody cut off. */
export function checkBlobSize(root: string, { digest, size }: Pick<Descriptor, 'digest' | 'size'>): void {
  const bytes = blobBytes(root, digest);
  if (bytes !== size) throw corruptImage(digest, `the blob has ${bytes} bytes instead of ${size}`);
}

/** True for the errors of an image whose blobs are missing or make no sense: others still work. */
function isUnreadable(error: unknown): boolean {
  return error instanceof MydockerError && (error.code === 'CORRUPT_IMAGE' || error.code === 'MISSING_BLOB');
}

/** What `read` gives, or undefined when the image is unreadable. Other errors come through. */
export function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

/** Reads and checks a manifest. Throws MydockerError CORRUPT_IMAGE or MISSING_BLOB. */
export function readManifest(root: string, digest: ManifestDigest): Manifest {
  const value = readJson(root, digest, 'manifest') as unknown as Manifest;
  if (!isDigest(value.config?.digest) || !Array.isArray(value.layers)) {
    throw corruptImage(digest, 'its manifest names no config or no layers');
  }
  for (const layer of value.layers) {
    if (!isDigest(layer?.digest))
      throw corruptImage(digest, 'its manifest names a layer without a sha256 digest');
  }
  return value;
}

/** Reads and checks a config. Throws MydockerError CORRUPT_IMAGE or MISSING_BLOB. */
export function readImageFile(root: string, id: ImageId): ImageFile {
  const value = readJson(root, id, 'config') as unknown as ImageFile;
  const diffIds = value.rootfs?.diff_ids;
  if (!Array.isArray(diffIds) || !diffIds.every(isDigest)) {
    throw corruptImage(id, 'its config lists no layers (rootfs.diff_ids)');
  }
  return value;
}

/** False for entries this engine leaves alone: indexes of many platforms, attestations. */
export function isImageEntry(entry: IndexEntry): boolean {
  return (
    entry.mediaType === MEDIA.manifest ||
    entry.mediaType === 'application/vnd.docker.distribution.manifest.v2+json'
  );
}

/** Unix milliseconds of the config's "created"; 0 when it has none. */
export function createdMsOf(image: ImageFile): number {
  const ms = Date.parse(image.created ?? '');
  return Number.isNaN(ms) ? 0 : ms;
}
