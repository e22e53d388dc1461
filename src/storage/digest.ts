import { builtin } from '../base/index.ts';

/** "sha256:<64 hex>" of some bytes. The kinds below are all digests, of different things: never mix them. */
export type Digest = `sha256:${string}`;

declare const kind: unique symbol;
type Kind<K extends string> = Digest & { readonly [kind]: K };

/** Digest of an image's manifest. */
export type ManifestDigest = Kind<'manifest'>;
/** Digest of an image's config: what users call the image id. */
export type ImageId = Kind<'config'>;
/** Digest of a layer's uncompressed tar. */
export type DiffId = Kind<'diff'>;
/** Name of a layer together with all layers below it: image-spec config.md § Layer ChainID. */
export type ChainId = Kind<'chain'>;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** True for "sha256:" and 64 lower-case hex digits: also what makes a digest safe as a file name. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && DIGEST.test(text);
}

/** The hex digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** Digest of some bytes, or of a string's UTF-8. */
export function digestOf(data: Uint8Array | string): Digest {
  return `sha256:${builtin('node:crypto').createHash('sha256').update(data).digest('hex')}`;
}

/** Chain id of a layer: its own diff id for the lowest one, else sha256("parent's chain id, space, diff id"). */
export function chainIdOf(parent: ChainId | undefined, diffId: DiffId): ChainId {
  return (parent === undefined ? diffId : digestOf(`${parent} ${diffId}`)) as Digest as ChainId;
}

/** Chain ids of a stack of layers, lowest first, as the config's rootfs.diff_ids lists them. */
export function chainIdsOf(diffIds: readonly DiffId[]): ChainId[] {
  let parent: ChainId | undefined;
  return diffIds.map((diffId) => {
    parent = chainIdOf(parent, diffId);
    return parent;
  });
}
