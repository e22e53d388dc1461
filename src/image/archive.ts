import { closeSync, openSync, readSync } from 'node:fs';
import { MydockerError } from '../base/index.ts';
import {
  blobPath,
  type Digest,
  digestOf,
  FULL_NAME,
  hasBlob,
  type ImageId,
  putBlob,
  REF_NAME,
  readBlob,
} from '../storage/index.ts';
import { ArchiveFiles, badArchive } from './archive-files.ts';
import {
  badManifest,
  kindOf,
  MAX_CONFIG_BYTES,
  MAX_LAYERS,
  manifestType,
  parseIndex,
  parseManifest,
} from './foreign.ts';
import { layerLimits } from './limits.ts';
import { type Manifest, MEDIA } from './manifest.ts';
import { unpackedBytes } from './meter.ts';
import { choosePlatform, hostPlatform } from './platform.ts';
import { parseReference } from './reference.ts';
import { TarReader } from './tar-read.ts';

/** One image of an archive; its blobs are in the store by now. */
export interface ArchivedImage {
  /** For error messages. */
  title: string;
  manifest: Manifest;
  /** The manifest's own bytes, for a blob. */
  bytes: Buffer;
  mediaType: string;
  names: string[];
}

/**
 * Reads an archive: its files become blobs, their digests appended to `written` where they are new. Throws BAD_ARCHIVE,
 * BAD_MANIFEST, BAD_DIGEST, LAYER_LIMIT.
 */
export async function readArchive(
  root: string,
  archive: AsyncIterable<Buffer>,
  written: Digest[],
): Promise<ArchivedImage[]> {
  const limits = layerLimits();
  const files = new ArchiveFiles(root, written, limits);
  const reader = new TarReader(files);
  try {
    for await (const chunk of unpackedBytes(archive, limits, () => {})) reader.write(chunk);
    reader.finish();
  } catch (error) {
    files.abort();
    if (!(error instanceof MydockerError) || error.code !== 'BAD_LAYER') throw error;
    throw badArchive(error.message.replace(/^[^:]*: /, ''));
  }
  const docker = files.tables.get('manifest.json');
  const index = files.tables.get('index.json');
  if (index !== undefined) return ociImages(root, index, docker);
  if (docker !== undefined) return dockerImages(root, docker, files, written);
  throw badArchive('it has neither an index.json (OCI) nor a manifest.json (Docker)');
}

function tagsByConfig(docker: Buffer | undefined): Map<string, string[]> {
  const tags = new Map<string, string[]>();
  if (docker === undefined) return tags;
  for (const { config, names } of dockerTable(docker)) {
    const hex = /([0-9a-f]{64})(?:\.json)?$/.exec(config)?.[1];
    if (hex !== undefined) tags.set(`sha256:${hex}`, [...(tags.get(`sha256:${hex}`) ?? []), ...names]);
  }
  return tags;
}

/** A name that is one: "latest" alone, as some programs write, names nothing. */
function isName(text: unknown): text is string {
  if (typeof text !== 'string') return false;
  try {
    parseReference(text);
    return true;
  } catch (error) {
    if (error instanceof MydockerError) return false;
    throw error;
  }
}

function ociImages(root: string, index: Buffer, docker: Buffer | undefined): ArchivedImage[] {
  const tags = tagsByConfig(docker);
  const images = new Map<Digest, ArchivedImage>();
  for (const { digest, mediaType, annotations } of parseIndex(index, 'the archive')) {
    const [full, short] = [annotations[FULL_NAME], annotations[REF_NAME]];
    const title = isName(full) ? full : isName(short) ? short : digest;
    const found = manifestOf(root, digest, mediaType, title);
    const known = images.get(found.digest) ?? { ...found, names: [] };
    const own = isName(full) ? [full] : tags.size === 0 && isName(short) ? [short] : [];
    known.names = [...new Set([...known.names, ...own])];
    images.set(found.digest, known);
  }
  for (const image of images.values()) {
    if (image.names.length === 0) image.names = [...new Set(tags.get(image.manifest.config.digest) ?? [])];
  }
  if (images.size === 0) throw badArchive('its index names no image');
  return [...images.values()];
}

function blobOf(root: string, digest: Digest, title: string): Buffer {
  if (!hasBlob(root, digest)) throw badArchive(`it lacks the blob ${digest} of ${title}`);
  return readBlob(root, digest);
}

function manifestOf(
  root: string,
  start: Digest,
  type: string,
  title: string,
): Omit<ArchivedImage, 'names'> & { digest: Digest } {
  let [digest, mediaType] = [start, type];
  for (let depth = 0; depth < 3; depth++) {
    const bytes = blobOf(root, digest, title);
    if (kindOf(bytes, mediaType, title) === 'manifest') {
      const manifest = parseManifest(bytes, title);
      for (const layer of manifest.layers) {
        if (!hasBlob(root, layer.digest)) throw badArchive(`it lacks the layer ${layer.digest} of ${title}`);
      }
      return { title, manifest, bytes, mediaType: manifestType(manifest), digest };
    }
    const items = parseIndex(bytes, title).filter((item) => hasBlob(root, item.digest));
    const chosen = choosePlatform(items, hostPlatform()) ?? items[0];
    if (chosen === undefined) throw badArchive(`it holds none of the images that ${title} lists`);
    [digest, mediaType] = [chosen.digest, chosen.mediaType];
  }
  throw badManifest(title, 'its indexes name each other');
}

interface DockerRow {
  config: string;
  names: string[];
  layers: string[];
}

/** manifest.json of `docker save`: moby, image/tarexport. */
function dockerTable(bytes: Buffer): DockerRow[] {
  let table: unknown;
  try {
    table = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badArchive('its manifest.json is no JSON');
  }
  const isStrings = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (!Array.isArray(table)) throw badArchive('its manifest.json is no list');
  return table.map((row: unknown) => {
    const { Config: config, RepoTags: tags, Layers: layers } = (row ?? {}) as Record<string, unknown>;
    if (typeof config !== 'string' || !isStrings(layers ?? []))
      throw badArchive('its manifest.json names no config or no layers');
    if (tags !== undefined && tags !== null && !isStrings(tags))
      throw badArchive('its manifest.json has names that are none');
    return { config, names: ((tags ?? []) as string[]).filter(isName), layers: (layers ?? []) as string[] };
  });
}

/** The media type its first bytes tell. */
function layerType(root: string, digest: Digest): string {
  const fd = openSync(blobPath(root, digest), 'r');
  try {
    const head = Buffer.alloc(4);
    readSync(fd, head, 0, 4, 0);
    if (head.readUInt16BE() === 0x1f8b) return `${MEDIA.layer}+gzip`;
    return head.readUInt32LE() === 0xfd2fb528 ? `${MEDIA.layer}+zstd` : MEDIA.layer;
  } finally {
    closeSync(fd);
  }
}

function dockerImages(root: string, docker: Buffer, files: ArchiveFiles, written: Digest[]): ArchivedImage[] {
  const images = new Map<Digest, ArchivedImage>();
  for (const { config, names, layers } of dockerTable(docker)) {
    const title = names[0] ?? config;
    if (layers.length > MAX_LAYERS) throw badManifest(title, `it has ${layers.length} layers`);
    const described = files.blob(config, 'the config');
    if (described.size > MAX_CONFIG_BYTES) throw badManifest(title, `its config has ${described.size} bytes`);
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: MEDIA.manifest,
      config: { mediaType: MEDIA.config, digest: described.digest as ImageId, size: described.size },
      layers: layers.map((path) => {
        const layer = files.blob(path, 'the layer');
        return { ...layer, mediaType: layerType(root, layer.digest) };
      }),
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const digest = digestOf(bytes);
    if (!hasBlob(root, digest)) written.push(putBlob(root, bytes, { sync: true }));
    const known = images.get(digest);
    if (known === undefined) images.set(digest, { title, manifest, bytes, mediaType: MEDIA.manifest, names });
    else known.names = [...new Set([...known.names, ...names])];
  }
  if (images.size === 0) throw badArchive('its manifest.json lists no image');
  return [...images.values()];
}
