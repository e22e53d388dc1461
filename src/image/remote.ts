import { excerpt, MydockerError } from '../base/index.ts';
import { type Digest, digestOf, type ManifestDigest } from '../storage/index.ts';
import {
  badManifest,
  INDEX_TYPES,
  kindOf,
  MANIFEST_TYPES,
  MAX_MANIFEST_BYTES,
  manifestType,
  parseIndex,
  parseManifest,
} from './foreign.ts';
import type { ImageFile, Manifest } from './manifest.ts';
import { choosePlatform, hostPlatform, type Platform, platformText } from './platform.ts';
import { type Reference, tagOf } from './reference.ts';
import { RegistryClient } from './registry/client.ts';
import type { RegistryConfig } from './registry/config.ts';
import type { Credentials } from './registry/credentials.ts';

/** An image found in a registry: its manifest, and who serves it. */
export interface RemoteImage {
  client: RegistryClient;
  repository: string;
  /** The manifest's bytes as they came: its digest is theirs. */
  bytes: Buffer;
  digest: ManifestDigest;
  mediaType: string;
  manifest: Manifest;
  /** Digest of what the name leads to: an index, or the manifest itself. */
  topDigest: Digest;
  configBytes?: Buffer;
}

/** What finding one takes. */
export interface RemoteOptions {
  reference: string;
  platform?: Platform | undefined;
  insecure?: boolean | undefined;
  config: RegistryConfig;
  credentialsFor: (host: string) => Credentials | undefined;
  onProgress?: ((progress: { kind: 'text'; text: string }) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** An index may name an index, but not without end. */
const MAX_DEPTH = 3;

/** A client for the registry of a reference. */
export function clientFor(options: RemoteOptions, host: string, insecure = options.insecure): RegistryClient {
  return new RegistryClient({
    host,
    config: options.config,
    insecure: insecure === true ? true : undefined,
    credentials: options.credentialsFor(host),
    signal: options.signal,
    onRetry: (why) => options.onProgress?.({ kind: 'text', text: `${host}: ${why}; trying again` }),
  });
}

/** The registry's mirrors, then itself. */
function clients(options: RemoteOptions, reference: Reference): RegistryClient[] {
  const { domain } = reference;
  const mirrors = options.config.registries[domain]?.mirrors ?? [];
  return [
    ...mirrors.map((url) => {
      const { host, protocol } = new URL(url);
      return clientFor(options, host, protocol === 'http:');
    }),
    clientFor(options, domain),
  ];
}

/** Finds the image a reference means, for a platform. Throws MydockerError: NO_SUCH_REMOTE_IMAGE, NO_PLATFORM, … */
export async function findRemote(options: RemoteOptions, reference: Reference): Promise<RemoteImage> {
  const list = clients(options, reference);
  for (const [i, client] of list.entries()) {
    try {
      return await findAt(options, client, reference);
    } catch (error) {
      options.signal?.throwIfAborted();
      const isLast = i === list.length - 1;
      if (isLast || !(error instanceof MydockerError)) throw error;
      options.onProgress?.({ kind: 'text', text: `mirror ${client.host}: ${error.message}` });
    }
  }
  throw new Error('no registry to ask');
}

async function fetchManifest(
  client: RegistryClient,
  repository: string,
  wanted: string,
  name: string,
): Promise<{ bytes: Buffer; type: string; digest: Digest }> {
  return client.retrying(async () => {
    const answer = await client.once({
      method: 'GET',
      path: `/v2/${repository}/manifests/${wanted}`,
      scope: `repository:${repository}:pull`,
      headers: { accept: [...MANIFEST_TYPES, ...INDEX_TYPES].join(', ') },
      accept: [200, 404],
    });
    if (answer.status === 404) {
      answer.discard();
      throw new MydockerError('NO_SUCH_REMOTE_IMAGE', `the registry ${client.host} has no image "${name}"`, {
        subject: name,
        remedy: `check the name and the tag; a private one needs "mydocker login ${client.host}"`,
        exitCode: 1,
      });
    }
    const bytes = await answer.bytes(MAX_MANIFEST_BYTES);
    const digest = digestOf(bytes);
    const promised = wanted.startsWith('sha256:') ? wanted : answer.headers['docker-content-digest'];
    if (promised?.startsWith('sha256:') === true && promised !== digest) {
      throw new MydockerError(
        'BAD_DIGEST',
        `the registry ${client.host} gave another manifest than ${promised}: ${digest}`,
        {
          subject: name,
          remedy: 'try again; if it stays so, the image or a proxy on the way is damaged',
        },
      );
    }
    return { bytes, type: answer.headers['content-type'] ?? '', digest };
  });
}

async function findAt(
  options: RemoteOptions,
  client: RegistryClient,
  reference: Reference,
): Promise<RemoteImage> {
  const { path: repository } = reference;
  const name = options.reference;
  const wanted = reference.digest ?? tagOf(reference);
  let found = await fetchManifest(client, repository, wanted, name);
  const topDigest = found.digest;
  for (let depth = 0; kindOf(found.bytes, found.type, name) === 'index'; depth++) {
    if (depth >= MAX_DEPTH) throw badManifest(name, 'its indexes name each other');
    const items = parseIndex(found.bytes, name);
    const platform = options.platform ?? hostPlatform();
    const [only] = items;
    const chosen =
      choosePlatform(items, platform) ??
      (items.length === 1 && only?.platform === undefined ? only : undefined);
    if (chosen === undefined) throw noPlatform(name, platform, items);
    found = await fetchManifest(client, repository, chosen.digest, name);
    if (found.bytes.length !== chosen.size)
      throw badManifest(name, 'its index gives a manifest the wrong size');
    found.type = chosen.mediaType;
  }
  const manifest = parseManifest(found.bytes, name);
  return {
    client,
    repository,
    bytes: found.bytes,
    digest: found.digest as ManifestDigest,
    mediaType: manifestType(manifest),
    manifest,
    topDigest,
  };
}

/**
 * An image that no index led to says in its config what it is made for. Throws NO_PLATFORM when that is not what was
 * asked for, or another system; another processor is worth a warning: the kernel may know an emulator.
 */
export function checkPlatform(options: RemoteOptions, file: ImageFile): void {
  const { os, architecture, variant } = file;
  const { os: system, architecture: processor } = options.platform ?? hostPlatform();
  if (os === system && architecture === processor) return;
  const made = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const wanted = options.platform ?? hostPlatform();
  if (options.platform !== undefined || os !== system)
    throw noPlatform(options.reference, wanted, [{ platform: made }]);
  const text = `"${options.reference}" is made for ${excerpt(platformText(made))}, and this machine is ${platformText(wanted)}`;
  options.onProgress?.({ kind: 'text', text });
}

function noPlatform(
  name: string,
  platform: Platform,
  items: ReadonlyArray<{ platform?: Platform | undefined }>,
): MydockerError {
  const there = items.flatMap((item) => (item.platform === undefined ? [] : [platformText(item.platform)]));
  const list = there.length === 0 ? 'none that is named' : excerpt([...new Set(there)].join(', '));
  return new MydockerError(
    'NO_PLATFORM',
    `"${name}" is not made for ${platformText(platform)}; there is ${list}`,
    {
      subject: name,
      remedy: 'choose one of them with --platform',
      exitCode: 1,
    },
  );
}
