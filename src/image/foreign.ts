import { excerpt, MydockerError } from '../base/index.ts';
import { type Digest, type ImageId, isDigest } from '../storage/index.ts';
import { type Descriptor, type ImageFile, type Manifest, MEDIA } from './manifest.ts';
import type { Platform } from './platform.ts';

/*
 * Manifests, indexes and configs that come from elsewhere: nothing of them is believed before it was looked at.
 * image-spec manifest.md, image-index.md, config.md; Docker's image manifest version 2, schema 2.
 */

/** Most bytes of a manifest or index, of a config; what registries themselves allow. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
export const MAX_CONFIG_BYTES = 8 * 1024 * 1024;
/** overlayfs takes 500 lower directories (OVL_MAX_STACK); one is the engine's own. */
export const MAX_LAYERS = 499;

const DOCKER = 'application/vnd.docker.distribution.manifest';
export const MANIFEST_TYPES: readonly string[] = [MEDIA.manifest, `${DOCKER}.v2+json`];
export const INDEX_TYPES: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  `${DOCKER}.list.v2+json`,
];
const SCHEMA_1 = [`${DOCKER}.v1+json`, `${DOCKER}.v1+prettyjws`];
const CONFIG_TYPES = [MEDIA.config, 'application/vnd.docker.container.image.v1+json'];
const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:v1|nondistributable\.v1)\.tar(?:\+gzip|\+zstd)?|docker\.image\.rootfs\.(?:diff|foreign\.diff)\.tar(?:\.gzip|\.zstd)?)$/;

/** One image of several in an index. */
export interface IndexItem extends Descriptor {
  platform?: Platform | undefined;
  annotations: Readonly<Record<string, unknown>>;
}

/** The error for an image that does not hold what images hold. */
export function badManifest(name: string, why: string): MydockerError {
  return new MydockerError('BAD_MANIFEST', `${excerpt(name)} is no image that can be used: ${why}`, {
    subject: excerpt(name),
    remedy: 'ask whoever made it; nothing was kept of it',
  });
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(bytes: Buffer, name: string, what: string): Fields {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badManifest(name, `its ${what} is no JSON`);
  }
  throw badManifest(name, `its ${what} is no JSON object`);
}

function descriptorOf(value: unknown, name: string, what: string): Descriptor {
  const { mediaType, digest, size } = (typeof value === 'object' && value !== null ? value : {}) as Fields;
  if (typeof digest !== 'string' || !isDigest(digest))
    throw badManifest(name, `${what} has no sha256 digest`);
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw badManifest(name, `${what} has the impossible size ${excerpt(JSON.stringify(size) ?? 'none')}`);
  }
  if (typeof mediaType !== 'string') throw badManifest(name, `${what} has no media type`);
  return { mediaType, digest, size };
}

function platformOf(value: unknown): Platform | undefined {
  const { os, architecture, variant } = (typeof value === 'object' && value !== null ? value : {}) as Fields;
  if (typeof os !== 'string' || typeof architecture !== 'string') return undefined;
  return { os, architecture, ...(typeof variant === 'string' && variant !== '' ? { variant } : {}) };
}

/** What a manifest's bytes are. `mediaType`: as the registry says; the document's own word wins. */
export function kindOf(bytes: Buffer, mediaType: string, name: string): 'manifest' | 'index' {
  const fields = parseObject(bytes, name, 'manifest');
  const type = typeof fields.mediaType === 'string' ? fields.mediaType : mediaType.replace(/\s*;.*/, '');
  if (SCHEMA_1.includes(type) || fields.schemaVersion === 1) {
    throw badManifest(name, 'it is of Docker’s old form (schema 1), which nobody makes any more');
  }
  if (fields.schemaVersion !== 2) throw badManifest(name, 'its manifest has no schemaVersion 2');
  if (INDEX_TYPES.includes(type)) return 'index';
  if (MANIFEST_TYPES.includes(type)) return 'manifest';
  // OCI lets the media type be left out: then the fields tell.
  if (type === '' || type === 'application/json')
    return Array.isArray(fields.manifests) ? 'index' : 'manifest';
  throw badManifest(name, `its media type ${excerpt(JSON.stringify(type))} is not known`);
}

/** The images of an index; what is no image (attestations, signatures) is left out. Throws BAD_MANIFEST. */
export function parseIndex(bytes: Buffer, name: string): IndexItem[] {
  const { manifests } = parseObject(bytes, name, 'index');
  if (!Array.isArray(manifests)) throw badManifest(name, 'its index lists no manifests');
  return manifests.flatMap((value: unknown, i): IndexItem[] => {
    const descriptor = descriptorOf(value, name, `entry ${i + 1} of its index`);
    if (![...MANIFEST_TYPES, ...INDEX_TYPES].includes(descriptor.mediaType)) return [];
    const { platform, annotations } = value as { platform?: unknown; annotations?: Fields };
    if (annotations?.['vnd.docker.reference.type'] !== undefined) return [];
    return [{ ...descriptor, platform: platformOf(platform), annotations: annotations ?? {} }];
  });
}

/** A manifest from elsewhere. Throws BAD_MANIFEST. */
export function parseManifest(bytes: Buffer, name: string): Manifest {
  const fields = parseObject(bytes, name, 'manifest');
  const config = descriptorOf(fields.config, name, 'its config');
  if (!CONFIG_TYPES.includes(config.mediaType)) {
    throw badManifest(name, `it holds ${excerpt(JSON.stringify(config.mediaType))}, which cannot be run`);
  }
  if (config.size > MAX_CONFIG_BYTES) throw badManifest(name, `its config has ${config.size} bytes`);
  const { layers } = fields;
  if (!Array.isArray(layers)) throw badManifest(name, 'its manifest lists no layers');
  if (layers.length > MAX_LAYERS) {
    throw badManifest(name, `it has ${layers.length} layers, and the kernel stacks at most ${MAX_LAYERS}`);
  }
  return {
    schemaVersion: 2,
    ...(typeof fields.mediaType === 'string' ? { mediaType: fields.mediaType } : {}),
    config: config as Descriptor<ImageId>,
    layers: layers.map((value: unknown, i) => {
      const layer = descriptorOf(value, name, `layer ${i + 1}`);
      if (LAYER_TYPE.test(layer.mediaType)) return layer;
      throw badManifest(
        name,
        `layer ${i + 1} is of the unknown type ${excerpt(JSON.stringify(layer.mediaType))}`,
      );
    }),
  };
}

function isStrings(value: unknown): boolean {
  return (
    value === undefined ||
    value === null ||
    (Array.isArray(value) && value.every((one) => typeof one === 'string'))
  );
}

function isMap(value: unknown, check: (one: unknown) => boolean): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(check);
}

/** Fields of the config that a container is made from, each with what it must be. */
function checkConfig(config: Fields, name: string): void {
  const isText = (one: unknown): boolean => one === undefined || one === null || typeof one === 'string';
  const lists = ['Env', 'Cmd', 'Entrypoint'];
  const texts = ['User', 'WorkingDir', 'StopSignal'];
  const odd =
    lists.find((key) => !isStrings(config[key])) ??
    texts.find((key) => !isText(config[key])) ??
    (isMap(config.Labels, (one) => typeof one === 'string') ? undefined : 'Labels') ??
    ['ExposedPorts', 'Volumes'].find((key) => !isMap(config[key], () => true));
  if (odd !== undefined) throw badManifest(name, `its config’s ${odd} has the wrong form`);
}

/** A config from elsewhere, for so many layers. Throws BAD_MANIFEST. */
export function parseImageConfig(bytes: Buffer, layerCount: number, name: string): ImageFile {
  const fields = parseObject(bytes, name, 'config');
  const { rootfs, config, os, architecture } = fields;
  const { diff_ids: diffIds } = (typeof rootfs === 'object' && rootfs !== null ? rootfs : {}) as Fields;
  if (!Array.isArray(diffIds) || !diffIds.every((one: unknown) => typeof one === 'string' && isDigest(one))) {
    throw badManifest(name, 'its config lists no layers (rootfs.diff_ids)');
  }
  if (diffIds.length !== layerCount) {
    throw badManifest(name, `its config speaks of ${diffIds.length} layers, its manifest of ${layerCount}`);
  }
  if (typeof os !== 'string' || typeof architecture !== 'string')
    throw badManifest(name, 'its config names no platform');
  if (config !== undefined && config !== null) {
    if (typeof config !== 'object' || Array.isArray(config))
      throw badManifest(name, 'its config’s config is no object');
    checkConfig(config as Fields, name);
  }
  if (fields.history !== undefined && fields.history !== null && !Array.isArray(fields.history)) {
    throw badManifest(name, 'its config’s history is no list');
  }
  return fields as unknown as ImageFile;
}

/** Media type under which a manifest's bytes are listed. */
export function manifestType(manifest: Manifest): string {
  return manifest.mediaType ?? MEDIA.manifest;
}

/** Digests a manifest names. */
export function blobsOf(manifest: Manifest): Digest[] {
  return [manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)];
}
