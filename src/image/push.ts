import { createReadStream } from 'node:fs';
import { badInput, MydockerError } from '../base/index.ts';
import {
  blobPath,
  type Digest,
  FULL_NAME,
  hexOf,
  type ManifestDigest,
  readBlob,
  readIndex,
} from '../storage/index.ts';
import { compressLayers } from './compress.ts';
import { markPushed, REGISTRY_DIGEST } from './enter.ts';
import { manifestType } from './foreign.ts';
import { sweepStore, whileStoring } from './garbage.ts';
import { type Descriptor, ifReadable, readManifest } from './manifest.ts';
import type { LayerStatus, OnProgress } from './progress.ts';
import { canonicalName, parseReference, tagOf } from './reference.ts';
import type { RegistryClient } from './registry/client.ts';
import type { RegistryConfig } from './registry/config.ts';
import type { Credentials } from './registry/credentials.ts';
import { clientFor } from './remote.ts';
import { noSuchImage, resolveImage } from './store.ts';

/** What `push` takes. */
export interface PushOptions {
  root: string;
  /** A name with an optional tag; the registry is in the name. */
  reference: string;
  insecure?: boolean | undefined;
  config: RegistryConfig;
  credentialsFor: (host: string) => Credentials | undefined;
  onProgress?: OnProgress | undefined;
  signal?: AbortSignal | undefined;
}

/** A pushed image. */
export interface PushedImage {
  /** "v1". */
  tag: string;
  digest: ManifestDigest;
  /** Bytes of the manifest. */
  sizeBytes: number;
}

const READ_BYTES = 512 * 1024;

interface Push {
  options: PushOptions;
  client: RegistryClient;
  repository: string;
}

/**
 * Sends an image to its registry: layers that are there already are not sent, those of another repository of the same
 * registry are mounted, the manifest comes last. Throws MydockerError.
 */
export async function pushImage(options: PushOptions): Promise<PushedImage> {
  const { root } = options;
  const reference = parseReference(options.reference);
  if (reference.digest !== undefined) {
    throw badInput(`cannot push "${options.reference}": a push needs a tag, not a digest`, {
      subject: options.reference,
      remedy: 'give name:tag; see "mydocker tag"',
      exitCode: 1,
    });
  }
  const name = canonicalName(reference);
  const image = resolveImage(root, name);
  if (image === undefined) throw noSuchImage(options.reference);
  const push: Push = { options, client: clientFor(options, reference.domain), repository: reference.path };
  const pushed = await whileStoring(root, async () => {
    const digest = await compressLayers(root, image.manifestDigest);
    const manifest = readManifest(root, digest);
    await pushBlobs(push, [...manifest.layers, manifest.config], manifest.config.digest);
    return pushManifest(push, digest, manifestType(manifest), tagOf(reference));
  });
  await markPushed(root, reference, pushed.digest);
  await sweepStore(root);
  return pushed;
}

/** So many at a time; the first that fails ends the others. */
async function pushBlobs(push: Push, blobs: readonly Descriptor[], config: Digest): Promise<void> {
  const queue = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (let blob = queue.shift(); blob !== undefined && failures.length === 0; blob = queue.shift()) {
      try {
        await pushBlob(push, blob, blob.digest === config);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: push.options.config.parallelDownloads }, worker));
  if (failures.length > 0) throw failures[0];
}

async function pushBlob(push: Push, blob: Descriptor, isConfig: boolean): Promise<void> {
  const { client, repository, options } = push;
  const say = (status: LayerStatus, doneBytes = 0): void => {
    const id = hexOf(blob.digest).slice(0, 12);
    if (!isConfig) options.onProgress?.({ kind: 'layer', id, status, doneBytes, totalBytes: blob.size });
  };
  const scope = `repository:${repository}:pull,push`;
  const there = await client.call({
    method: 'HEAD',
    path: `/v2/${repository}/blobs/${blob.digest}`,
    scope,
    accept: [200, 404],
  });
  there.discard();
  if (there.status === 200) return say('exists');
  const from = otherRepository(push, blob.digest);
  const mount = from === undefined ? '' : `?${new URLSearchParams({ mount: blob.digest, from })}`;
  await client.retrying(async () => {
    const session = await client.call({
      method: 'POST',
      path: `/v2/${repository}/blobs/uploads/${mount}`,
      scope: from === undefined ? scope : `${scope} repository:${from}:pull`,
      headers: { 'content-length': '0' },
      accept: [201, 202],
    });
    session.discard();
    if (session.status === 201) return say('mounted');
    const { location } = session.headers;
    if (location === undefined) throw oddUpload(client.host, 'says nowhere where to send a layer');
    await upload(push, blob, location, scope, (done) => say('uploading', done));
    say('done');
  });
}

/** One PUT with the whole blob, from the disk. distribution-spec § POST then PUT. */
async function upload(
  push: Push,
  blob: Descriptor,
  location: string,
  scope: string,
  onBytes: (doneBytes: number) => void,
): Promise<void> {
  const { client, options } = push;
  const url = new URL(location, `${await client.address()}/`);
  url.searchParams.set('digest', blob.digest);
  async function* content(): AsyncGenerator<Buffer> {
    let done = 0;
    for await (const chunk of createReadStream(blobPath(options.root, blob.digest), {
      highWaterMark: READ_BYTES,
    })) {
      done += (chunk as Buffer).length;
      yield chunk as Buffer;
      onBytes(done);
    }
  }
  const answer = await client.once({
    method: 'PUT',
    path: url.href,
    scope,
    headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
    open: content,
    accept: [201],
  });
  answer.discard();
}

async function pushManifest(
  push: Push,
  digest: ManifestDigest,
  mediaType: string,
  tag: string,
): Promise<PushedImage> {
  const { client, repository, options } = push;
  const bytes = readBlob(options.root, digest);
  const answer = await client.call({
    method: 'PUT',
    path: `/v2/${repository}/manifests/${tag}`,
    scope: `repository:${repository}:pull,push`,
    headers: { 'content-type': mediaType, 'content-length': String(bytes.length) },
    body: bytes,
    accept: [201],
  });
  answer.discard();
  const said = answer.headers['docker-content-digest'];
  if (said !== undefined && said !== digest) {
    throw oddUpload(client.host, `keeps the image under ${said}, and it is ${digest}`);
  }
  return { tag, digest, sizeBytes: bytes.length };
}

/** Another repository of this registry that an image of the store with this blob came from or went to. */
function otherRepository(push: Push, digest: Digest): string | undefined {
  const { client, repository, options } = push;
  for (const entry of readIndex(options.root).manifests) {
    const name = entry.annotations?.[FULL_NAME];
    if (name === undefined || entry.annotations?.[REGISTRY_DIGEST] === undefined) continue;
    const { domain, path } = parseReference(name);
    if (domain !== client.host || path === repository) continue;
    const manifest = ifReadable(() => readManifest(options.root, entry.digest));
    if (manifest?.layers.some((layer) => layer.digest === digest) === true) return path;
  }
  return undefined;
}

function oddUpload(host: string, what: string): MydockerError {
  return new MydockerError('REGISTRY_ANSWER', `the registry ${host} ${what}`, { subject: host });
}
