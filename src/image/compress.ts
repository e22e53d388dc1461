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
import { checkBlobSize, type Descriptor, type Manifest, MEDIA, readManifest } from './manifest.ts';

/** Half the work of zlib's usual level, for a twentieth more bytes. */
const GZIP_LEVEL = 4;
/** What one processor compresses at a time. Smaller ones would compress worse. */
const BLOCK_BYTES = 1024 * 1024;

/** The source in pieces of exactly that size, the last one shorter: the same bytes are cut alike on every machine. */
export async function* blocksOf(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + bytes - length);
      parts.push(part);
      length += part.length;
      at += part.length;
      if (length < bytes) continue;
      yield Buffer.concat(parts);
      parts = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(parts);
}

/**
 * Compresses with all processors: a gzip file may consist of members one after the other, RFC 1952 § 2.2, and each block
 * becomes one. The same source gives the same bytes.
 */
export async function* gzipMembers(
  source: AsyncIterable<Buffer>,
  blockBytes: number,
): AsyncGenerator<Buffer> {
  const [{ gzip }, { availableParallelism }] = await Promise.all([import('node:zlib'), import('node:os')]);
  const options = { level: GZIP_LEVEL, chunkSize: blockBytes };
  const compress = (block: Buffer): Promise<Buffer> =>
    new Promise((resolve, reject) =>
      gzip(block, options, (error, packed) => (error === null ? resolve(packed) : reject(error))),
    );
  const underWay: Array<Promise<Buffer>> = [];
  const most = availableParallelism() + 1;
  for await (const block of blocksOf(source, blockBytes)) {
    const packed = compress(block);
    // Awaited in its turn; until then a failure is not unheard of.
    packed.catch(() => {});
    underWay.push(packed);
    const first = underWay.length < most ? undefined : underWay.shift();
    if (first !== undefined) yield await first;
  }
  for (const packed of underWay) yield await packed;
}

/** True for a layer kept as the plain tar that commit and import make. */
function isPlain({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA.layer || mediaType === 'application/vnd.docker.image.rootfs.diff.tar';
}

async function gzip(root: string, layer: Descriptor): Promise<Descriptor> {
  const blob = new BlobWriter(root, { sync: true });
  try {
    const tar = createReadStream(blobPath(root, layer.digest), { highWaterMark: BLOCK_BYTES });
    for await (const member of gzipMembers(tar, BLOCK_BYTES)) blob.write(member);
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
  for (const layer of manifest.layers) checkBlobSize(root, layer);
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
