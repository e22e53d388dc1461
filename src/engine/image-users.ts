import { type ImageUser, imageNeeds, isListed, noSuchImage, type ResolvedImage } from '../image/index.ts';
import { type ContainerRecord, listIds, readRecord, updateIndex } from '../storage/index.ts';
import type { Core } from './core.ts';
import { isBroken, lifeOf } from './status.ts';

/** The images whose files a container needs: its own, and those mounted in it. */
export function imageIdsOf(record: Pick<ContainerRecord, 'imageId' | 'mounts'>): string[] {
  return [record.imageId, ...record.mounts.flatMap((m) => (m.type === 'image' ? [m.imageId] : []))];
}

/** The containers made of an image, or with its files mounted in them. */
export function usersOf(core: Core, imageId: string): ImageUser[] {
  return listIds(core.paths).flatMap((id): ImageUser[] => {
    const record = readRecord(core.paths, id);
    if (record === undefined || isBroken(record) || !imageIdsOf(record).includes(imageId)) return [];
    return [{ name: record.name, status: lifeOf(core.paths, id).status }];
  });
}

/**
 * Called when a new container's record can be seen: makes sure that its images are still there. A removal takes the image
 * out of the list first and looks for containers once more after that, so that of the two at least one sees the other.
 * If one is gone, so is the container, and NO_SUCH_IMAGE is thrown.
 */
export async function keepImage(core: Core, image: ResolvedImage, record: ContainerRecord): Promise<void> {
  const isIn = ({ manifests }: { manifests: ReadonlyArray<{ digest: string }> }): boolean =>
    manifests.some(({ digest }) => digest === image.manifestDigest) && lostMount(core, record) === undefined;
  if (isListed(core.root, image) && lostMount(core, record) === undefined) return;
  // Perhaps in the middle of a removal that will see us and put it back: its end is waited for.
  if (await updateIndex(core.root, isIn)) return;
  await (await import('./remove.ts')).discardContainer(core, record.id, record.name);
  throw noSuchImage(lostMount(core, record) ?? record.image);
}

/** The name of a mounted image that is gone. */
function lostMount(core: Core, record: ContainerRecord): string | undefined {
  const mounts = record.mounts.flatMap((m) => (m.type === 'image' ? [m] : []));
  if (mounts.length === 0) return undefined;
  const there = new Set<string>(imageNeeds(core.root).map(({ id }) => id));
  return mounts.find(({ imageId }) => !there.has(imageId))?.image;
}
