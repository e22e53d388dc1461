import { chainIdsOf, FULL_NAME, type IndexEntry, layerFacts, readIndex } from '../storage/index.ts';
import { createdMsOf, type ImageFile, ifReadable, isImageEntry } from './manifest.ts';
import { familiarRepository, parseReference, tagOf } from './reference.ts';
import { findEntry, loadEntry, nameOf, noSuchImage } from './store.ts';

/** One row of `images`: an image under one of its names. */
export interface ImageRow {
  /** "sha256:…", digest of the config. */
  id: string;
  /** "busybox", or "<none>". */
  repository: string;
  /** "latest", or "<none>". */
  tag: string;
  createdAtMs: number;
  /** Sum of the unpacked sizes of its layers. */
  sizeBytes: number;
  /** Manifest digest. */
  digest: string;
}

const NONE = '<none>';

/** Sum of the unpacked sizes of an image's layers, in bytes; a layer not unpacked here counts nothing. */
export function imageSize(root: string, image: ImageFile): number {
  return chainIdsOf(image.rootfs.diff_ids).reduce(
    (sum, id) => sum + (layerFacts(root, id)?.sizeBytes ?? 0),
    0,
  );
}

function namesOf(entry: IndexEntry): { repository: string; tag: string } {
  const name = entry.annotations?.[FULL_NAME] ?? nameOf(entry);
  if (name === '') return { repository: NONE, tag: NONE };
  const reference = parseReference(name);
  return { repository: familiarRepository(reference), tag: tagOf(reference) };
}

/** All images, newest first, one row for each name. */
export function listImages(root: string): ImageRow[] {
  const rows = readIndex(root)
    .manifests.filter(isImageEntry)
    .map((entry) => {
      const { digest } = entry;
      const stored = ifReadable(() => loadEntry(root, entry));
      // A damaged image is shown, so that it can be seen and removed.
      if (stored === undefined)
        return { id: digest, ...namesOf(entry), createdAtMs: 0, sizeBytes: 0, digest };
      const { manifest, image } = stored;
      const createdAtMs = createdMsOf(image);
      return {
        id: manifest.config.digest,
        ...namesOf(entry),
        createdAtMs,
        sizeBytes: imageSize(root, image),
        digest,
      };
    });
  return rows.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.repository < b.repository ? -1 : 1));
}

/** What `docker image inspect` prints of an image. Throws MydockerError NO_SUCH_IMAGE, AMBIGUOUS. */
export function inspectImage(root: string, text: string): Record<string, unknown> {
  const entries = readIndex(root).manifests;
  const entry = findEntry(root, entries, text);
  if (entry === undefined) throw noSuchImage(text);
  const { manifest, image } = loadEntry(root, entry);
  const named = entries.filter((other) => other.digest === entry.digest && nameOf(other) !== '').map(namesOf);
  const repositories = [...new Set(named.map((name) => name.repository))];
  return {
    Id: manifest.config.digest,
    RepoTags: named.map((name) => `${name.repository}:${name.tag}`),
    RepoDigests: repositories.map((repository) => `${repository}@${entry.digest}`),
    Parent: '',
    Comment: image.history?.at(-1)?.comment ?? '',
    Created: image.created ?? '',
    Author: image.author ?? '',
    Architecture: image.architecture,
    ...(image.variant === undefined ? {} : { Variant: image.variant }),
    Os: image.os,
    Size: imageSize(root, image),
    Config: dockerConfig(image),
    RootFS: { Type: 'layers', Layers: image.rootfs.diff_ids },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
  };
}

function dockerConfig(image: ImageFile): Record<string, unknown> {
  const config = image.config ?? {};
  return {
    User: config.User ?? '',
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    Entrypoint: config.Entrypoint ?? null,
    WorkingDir: config.WorkingDir ?? '',
    Labels: config.Labels ?? null,
    ExposedPorts: config.ExposedPorts ?? null,
    Volumes: config.Volumes ?? null,
    ...(config.StopSignal === undefined ? {} : { StopSignal: config.StopSignal }),
  };
}
