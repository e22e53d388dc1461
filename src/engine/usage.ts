import { imageNeeds } from '../image/index.ts';
import {
  type ChainId,
  type ContainerRecord,
  DiskMeter,
  namesIn,
  readRecord,
  stagings,
  volumeUsers,
} from '../storage/index.ts';
import type { Core } from './core.ts';
import { listContainers } from './describe.ts';
import { imageIdsOf } from './image-users.ts';
import { isBroken } from './status.ts';
import type { ContainerSummary, DiskUsage, ImageUsage } from './types.ts';

/** One thing on the disk that images may share: a blob, or an unpacked layer. */
interface Item {
  bytes: number;
  imageIds: Set<string>;
}

/**
 * Who takes how many bytes on the disk. Every byte below the root directory is counted once and has an owner:
 * images + containers + volumes + unfinished + engine = total, which is what du(1) says. Changes nothing.
 */
export function diskUsage(core: Core): DiskUsage {
  const { root } = core;
  const meter = new DiskMeter(root);
  const own = (...names: string[]): number =>
    names.reduce((sum, name) => sum + meter.own(name === '' ? root : `${root}/${name}`), 0);
  let engineBytes = own('', 'images', 'images/blobs', 'images/blobs/sha256', 'layers', 'containers');
  let unfinishedBytes = 0;
  const items = itemsOf(root, meter);
  for (const { bytes, imageIds } of items) if (imageIds.size === 0) unfinishedBytes += bytes;
  for (const name of namesIn(`${root}/images`)) {
    const bytes = name === 'blobs' ? otherBlobs(root, meter) : meter.tree(`${root}/images/${name}`);
    if (name.startsWith('.tmp-')) unfinishedBytes += bytes;
    else engineBytes += bytes;
  }
  for (const name of namesIn(`${root}/layers`)) {
    if (isLayer(name)) continue;
    const bytes = meter.tree(`${root}/layers/${name}`);
    if (name.startsWith('.tmp-')) unfinishedBytes += bytes;
    else engineBytes += bytes;
  }
  const summaries = listContainers(core);
  const records = recordsOf(core, summaries);
  const containers = summaries.map((container) => ({
    ...container,
    volumes: records.get(container.id)?.mounts.filter(({ type }) => type === 'volume').length ?? 0,
    diskBytes: meter.tree(`${root}/containers/${container.id}`),
  }));
  for (const name of namesIn(`${root}/containers`)) {
    if (!/^[0-9a-f]{64}$/.test(name)) unfinishedBytes += meter.tree(`${root}/containers/${name}`);
    // One that was made while we looked.
    else if (!summaries.some(({ id }) => id === name))
      engineBytes += meter.tree(`${root}/containers/${name}`);
  }
  const volumes = namesIn(`${root}/volumes`).map((name) => ({
    name,
    diskBytes: meter.tree(`${root}/volumes/${name}`),
    containers: volumeUsers(core.paths, name).length,
  }));
  engineBytes += own('volumes');
  unfinishedBytes += meter.tree(`${root}/downloads`);
  for (const name of namesIn(root)) {
    if (!['images', 'layers', 'containers', 'volumes', 'downloads'].includes(name))
      engineBytes += meter.tree(`${root}/${name}`);
  }
  return summed({
    root,
    items,
    used: usedImages(records),
    containers,
    volumes,
    unfinishedBytes,
    engineBytes,
  });
}

/** The records that can be read, by id. */
function recordsOf(core: Core, summaries: readonly ContainerSummary[]): Map<string, ContainerRecord> {
  return new Map(
    summaries.flatMap(({ id }) => {
      const record = readRecord(core.paths, id);
      return record === undefined || isBroken(record) ? [] : [[id, record] as const];
    }),
  );
}

/** How many containers need each image. */
function usedImages(records: ReadonlyMap<string, ContainerRecord>): Map<string, number> {
  const used = new Map<string, number>();
  for (const record of records.values()) {
    for (const imageId of new Set(imageIdsOf(record))) used.set(imageId, (used.get(imageId) ?? 0) + 1);
  }
  return used;
}

function isLayer(name: string): boolean {
  return /^[0-9a-f]{64}(?:\.json)?$/.test(name);
}

/** Files in the blobs' directory that are no blobs: somebody else put them there. */
function otherBlobs(root: string, meter: DiskMeter): number {
  const beside = namesIn(`${root}/images/blobs`).filter((name) => name !== 'sha256');
  const within = namesIn(`${root}/images/blobs/sha256`).filter((name) => !/^[0-9a-f]{64}$/.test(name));
  return [...beside, ...within.map((name) => `sha256/${name}`)].reduce(
    (sum, name) => sum + meter.tree(`${root}/images/blobs/${name}`),
    0,
  );
}

/** Every blob and every unpacked layer, and the images that need it. */
function itemsOf(root: string, meter: DiskMeter): Item[] {
  const blobs = new Map<string, Set<string>>();
  const layers = new Map<string, Set<string>>();
  const add = (users: Map<string, Set<string>>, digest: string, id: string): void => {
    const hex = digest.slice('sha256:'.length);
    users.set(hex, (users.get(hex) ?? new Set()).add(id));
  };
  for (const { id, blobs: digests, chainIds } of imageNeeds(root)) {
    for (const digest of digests) add(blobs, digest, id);
    for (const chainId of chainIds satisfies ChainId[]) add(layers, chainId, id);
  }
  const blobItems = namesIn(`${root}/images/blobs/sha256`)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((hex) => ({
      bytes: meter.tree(`${root}/images/blobs/sha256/${hex}`),
      imageIds: blobs.get(hex) ?? new Set<string>(),
    }));
  const layerItems = namesIn(`${root}/layers`)
    .filter(isLayer)
    .map((name) => ({
      bytes: meter.tree(`${root}/layers/${name}`),
      imageIds: layers.get(name.replace('.json', '')) ?? new Set<string>(),
    }));
  return [...blobItems, ...layerItems];
}

function summed(
  parts: Pick<DiskUsage, 'root' | 'containers' | 'volumes' | 'unfinishedBytes' | 'engineBytes'> & {
    items: Item[];
    used: ReadonlyMap<string, number>;
  },
): DiskUsage {
  const { items, used, root, containers, volumes, unfinishedBytes, engineBytes } = parts;
  const images = new Map<string, ImageUsage>();
  let imagesBytes = 0;
  let imagesReclaimableBytes = 0;
  for (const { bytes, imageIds } of items) {
    if (imageIds.size > 0) imagesBytes += bytes;
    if (imageIds.size > 0 && ![...imageIds].some((id) => used.has(id))) imagesReclaimableBytes += bytes;
    for (const id of imageIds) {
      const image = images.get(id) ?? { id, sharedBytes: 0, uniqueBytes: 0, containers: used.get(id) ?? 0 };
      if (imageIds.size > 1) image.sharedBytes += bytes;
      else image.uniqueBytes += bytes;
      images.set(id, image);
    }
  }
  const sum = (list: ReadonlyArray<{ diskBytes: number }>): number =>
    list.reduce((total, { diskBytes }) => total + diskBytes, 0);
  const containersBytes = sum(containers);
  const volumesBytes = sum(volumes);
  return {
    root,
    totalBytes: imagesBytes + containersBytes + volumesBytes + unfinishedBytes + engineBytes,
    images: [...images.values()],
    imagesBytes,
    imagesReclaimableBytes,
    containers,
    containersBytes,
    containersReclaimableBytes: sum(
      containers.filter(({ status }) => status !== 'running' && status !== 'paused'),
    ),
    volumes,
    volumesBytes,
    volumesReclaimableBytes: sum(volumes.filter((volume) => volume.containers === 0)),
    unfinishedBytes,
    unfinishedReclaimableBytes: stagings(root).anyLive ? 0 : unfinishedBytes,
    engineBytes,
  };
}
