export type { DefaultImageAsset } from './busybox.ts';
export { applyChanges } from './changes.ts';
export type { CommitOptions } from './commit.ts';
export type { ImportOptions, ImportSource } from './import.ts';
export {
  commitImage,
  ensureDefaultImage,
  ensureLayers,
  importImage,
  loadImages,
  loginTo,
  logoutFrom,
  packTree,
  pullFromRegistry,
  pushToRegistry,
  saveImages,
  sweepStore,
} from './lazy.ts';
export { type ImageRow, inspectImage, listImages } from './list.ts';
export type { LoadedImage } from './load.ts';
export type { ImageConfig } from './manifest.ts';
export { parsePlatform } from './platform.ts';
export type { ImageProgress, LayerStatus, OnProgress } from './progress.ts';
export type { PulledImage } from './pull.ts';
export type { PushedImage } from './push.ts';
export { canonicalName, familiarName, parseReference, type Reference } from './reference.ts';
export { type RegistryConfig, readConfig as readRegistryConfig } from './registry/config.ts';
export { type RemovedImage, type RemoveImageOptions, removeImage } from './remove.ts';
export type { ArchiveFormat } from './save.ts';
export type { OpenSteps, StepSink } from './steps.ts';
export { DEFAULT_IMAGE, noSuchImage, type ResolvedImage, requireImage, resolveImage } from './store.ts';
