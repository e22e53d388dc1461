import { badInput } from '../base/index.ts';
import { updateIndex } from '../storage/index.ts';
import { addName } from './enter.ts';
import { parseReference } from './reference.ts';
import { findEntry, noSuchImage } from './store.ts';

/**
 * Gives an image one more name; an image that had it loses it. Atomic. Throws MydockerError NO_SUCH_IMAGE, AMBIGUOUS,
 * BAD_INPUT.
 */
export async function tagImage(root: string, source: string, target: string): Promise<void> {
  const reference = parseReference(target);
  if (reference.digest !== undefined) {
    throw badInput(`cannot tag "${source}" as "${target}": a tag is no digest`, {
      subject: target,
      remedy: 'give name[:tag]',
      exitCode: 1,
    });
  }
  await updateIndex(root, ({ manifests }) => {
    const entry = findEntry(root, manifests, source);
    if (entry === undefined) throw noSuchImage(source);
    addName(manifests, entry, reference);
  });
}
