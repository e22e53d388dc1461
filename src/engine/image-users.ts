import { type ImageUser, noSuchImage, type ResolvedImage } from '../image/index.ts';
import { type ContainerRecord, listIds, readIndex, readRecord, updateIndex } from '../storage/index.ts';
import type { Core } from './core.ts';
import { isBroken, lifeOf } from './status.ts';

/** The containers made of an image. */
export function usersOf(core: Core, imageId: string): ImageUser[] {
  return listIds(core.paths).flatMap((id): ImageUser[] => {
    const record = readRecord(core.paths, id);
    if (record === undefined || isBroken(record) || record.imageId !== imageId) return [];
    return [{ name: record.name, status: lifeOf(core.paths, id).status }];
  });
}

/**
 * Called when a new container's record can be seen: makes sure that its image is still there. A removal takes the image
 * out of the list first and looks for containers once more after that, so that of the two at least one sees the other.
 * If the image is gone, so is the container, and NO_SUCH_IMAGE is thrown.
 */
export async function keepImage(core: Core, image: ResolvedImage, record: ContainerRecord): Promise<void> {
  const isIn = ({ manifests }: { manifests: ReadonlyArray<{ digest: string }> }): boolean =>
    manifests.some(({ digest }) => digest === image.manifestDigest);
  if (isIn(readIndex(core.root))) return;
  // Perhaps in the middle of a removal that will see us and put it back: its end is waited for.
  if (await updateIndex(core.root, isIn)) return;
  await (await import('./remove.ts')).discardContainer(core, record.id, record.name);
  throw noSuchImage(record.image);
}
