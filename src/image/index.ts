export type { DefaultImageAsset } from './busybox.ts';
export type { Change } from './changed.ts';
export { applyChanges } from './changes.ts';
export type { CommitOptions } from './commit.ts';
export type { HistoryRow } from './history.ts';
export type { ImportOptions, ImportSource } from './import.ts';
export {
  changedPaths,
  commitImage,
  ensureDefaultImage,
  ensureLayers,
  filteredImages,
  imageHistory,
  importImage,
  inspectImage,
  loadImages,
  loginTo,
  logoutFrom,
  packTree,
  pruneImages,
  pullFromRegistry,
  pushToRegistry,
  putTree,
  removeImage,
  saveImages,
  sweepStore,
  tagImage,
  walkRecords,
} from './lazy.ts';
export { type ImageRow, listImages } from './list.ts';
export type { LoadedImage } from './load.ts';
export type { ImageConfig } from './manifest.ts';
export { type ImageNeeds, imageNeeds } from './needs.ts';
export { parsePlatform } from './platform.ts';
export type { ImageProgress, LayerStatus, OnProgress } from './progress.ts';
export type { PrunedImages, PruneOptions } from './prune.ts';
export type { PulledImage } from './pull.ts';
export type { PushedImage } from './push.ts';
export type { PutTotals } from './put.ts';
export { canonicalName, familiarName, parseReference, type Reference } from './reference.ts';
export { type RegistryConfig, readConfig as readRegistryConfig } from './registry/config.ts';
export type { ImageUser } from './remove.ts';
export type { ArchiveFormat } from './save.ts';
export type { OpenSteps, StepSink } from './steps.ts';
export {
  DEFAULT_IMAGE,
  hasEntry,
  isListed,
  noSuchImage,
  type ResolvedImage,
  requireImage,
  resolveImage,
} from './store.ts';
export type { WalkRecord } from './walk.ts';
