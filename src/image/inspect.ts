import { chainIdsOf, layerDir, readIndex } from '../storage/index.ts';
import { imageSize, namesOf, requireEntry } from './list.ts';
import type { ImageFile } from './manifest.ts';
import { familiarRepository, parseReference } from './reference.ts';
import { loadEntry, nameOf, REGISTRY_DIGEST } from './store.ts';

/** What `docker image inspect` prints of an image. Throws MydockerError NO_SUCH_IMAGE, AMBIGUOUS. */
export function inspectImage(root: string, text: string): Record<string, unknown> {
  const entry = requireEntry(root, text);
  const { manifest, image } = loadEntry(root, entry);
  const same = readIndex(root).manifests.filter((other) => other.digest === entry.digest);
  const tags = same.filter((other) => nameOf(other) !== '').map(namesOf);
  const digests = same.flatMap((other) => other.annotations?.[REGISTRY_DIGEST] ?? []).map(familiarDigest);
  return {
    Id: manifest.config.digest,
    RepoTags: tags.map(({ repository, tag }) => `${repository}:${tag}`),
    RepoDigests: [...new Set(digests)],
    Parent: '',
    Comment: image.history?.at(-1)?.comment ?? '',
    Created: image.created ?? '',
    DockerVersion: '',
    Author: image.author ?? '',
    Config: dockerConfig(image),
    Architecture: image.architecture,
    ...(image.variant === undefined ? {} : { Variant: image.variant }),
    Os: image.os,
    Size: imageSize(root, image),
    GraphDriver: { Name: 'overlay2', Data: driverData(root, image) },
    RootFS: { Type: 'layers', Layers: image.rootfs.diff_ids },
    Metadata: { LastTagTime: '0001-01-01T00:00:00Z' },
    Descriptor: { mediaType: entry.mediaType, digest: entry.digest, size: entry.size },
  };
}

function familiarDigest(full: string): string {
  const reference = parseReference(full);
  return `${familiarRepository(reference)}@${reference.digest ?? ''}`;
}

/** Where the unpacked layers lie; newest first, as overlayfs takes them. */
function driverData(root: string, image: ImageFile): Record<string, string> {
  const [top, ...below] = chainIdsOf(image.rootfs.diff_ids)
    .map((chainId) => layerDir(root, chainId))
    .reverse();
  return {
    ...(below.length === 0 ? {} : { LowerDir: below.join(':') }),
    ...(top === undefined ? {} : { UpperDir: top }),
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
