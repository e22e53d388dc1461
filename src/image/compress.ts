import { createReadStream } from 'node:fs';
import {
  BlobWriter,
  blobPath,
  type ContentIndex,
  type Digest,
  type ManifestDigest,
  putBlob,
  updateIndex,
} from '../storage/index.ts';
import { deleteUnused } from './garbage.ts';
import { type Descriptor, type Manifest, MEDIA, readManifest } from './manifest.ts';

/** Half the work of zlib's usual level, for a twentieth more bytes. */
const GZIP_LEVEL = 4;
const READ_BYTES = 512 * 1024;

/** True for a layer kept as the plain tar that commit and import make. */
function isPlain({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA.layer || mediaType === 'application/vnd.docker.image.rootfs.diff.tar';
}

async function gzip(root: string, layer: Descriptor): Promise<Descriptor> {
  const { createGzip } = await import('node:zlib');
  const blob = new BlobWriter(root, { sync: true });
  try {
    const packed = createReadStream(blobPath(root, layer.digest), { highWaterMark: READ_BYTES }).pipe(
      createGzip({ level: GZIP_LEVEL, chunkSize: READ_BYTES }),
    );
    for await (const chunk of packed) blob.write(chunk as Buffer);
    const digest = blob.finish();
    const suffix = layer.mediaType === MEDIA.layer ? '+gzip' : '.gzip';
    return { mediaType: `${layer.mediaType}${suffix}`, digest, size: blob.sizeBytes };
  } finally {
    blob.abort();
  }
}

/** Every name of the old manifest now leads to the new one. */
function exchange(index: ContentIndex, old: ManifestDigest, digest: ManifestDigest, size: number): void {
  for (const entry of index.manifests) if (entry.digest === old) Object.assign(entry, { digest, size });
}

/**
 * Before an image leaves: its plain layers become gzip ones, in the store too, so that what is here and what is in the
 * registry stay the same bytes. The image's id and its unpacked layers do not change. Gives the manifest's digest.
 * Must run within whileStoring.
 */
export async function compressLayers(root: string, digest: ManifestDigest): Promise<ManifestDigest> {
  const manifest = readManifest(root, digest);
  if (!manifest.layers.some(isPlain)) return digest;
  const packed = new Map<Digest, Descriptor>();
  for (const layer of manifest.layers) {
    if (isPlain(layer) && !packed.has(layer.digest)) packed.set(layer.digest, await gzip(root, layer));
  }
  const layers = manifest.layers.map((layer) => packed.get(layer.digest) ?? layer);
  const text = JSON.stringify({ ...manifest, layers } satisfies Manifest);
  const changed = putBlob(root, text, { sync: true }) as ManifestDigest;
  return updateIndex(
    root,
    (index) => {
      exchange(index, digest, changed, Buffer.byteLength(text));
      return changed;
    },
    (index) => deleteUnused(root, index, { blobs: [digest, ...packed.keys()], chainIds: [] }),
  );
}
