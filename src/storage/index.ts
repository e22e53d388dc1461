export { writeAtomic } from '../base/index.ts';
export { fileVersion, jsonOf, readIfThere } from './atomic.ts';
export { claim, claimText, release, removeDeadClaim, removeIfDead, sweepTurn, sweepTurns } from './claims.ts';
export {
  BlobWriter,
  blobBytes,
  blobPath,
  createContentStore,
  hasBlob,
  imagesDir,
  listBlobs,
  putBlob,
  readBlob,
  removeBlob,
} from './content.ts';
export {
  type ContentIndex,
  FULL_NAME,
  type IndexEntry,
  indexVersion,
  REF_NAME,
  readIndex,
  updateIndex,
} from './content-index.ts';
export {
  type ChainId,
  chainIdOf,
  chainIdsOf,
  type DiffId,
  type Digest,
  digestOf,
  hexOf,
  type ImageId,
  isDigest,
  type ManifestDigest,
} from './digest.ts';
export { DiskMeter, namesIn } from './disk-usage.ts';
export {
  adoptDownloads,
  claimDownload,
  dropAdopted,
  dropPart,
  findWhole,
  finishDownload,
  listDownloads,
  partPath,
  pruneDownloads,
  releaseDownload,
  type StoredDownload,
  syncFile,
} from './downloads.ts';
export {
  commitLayer,
  dropStaged,
  hasLayer,
  type LayerFacts,
  layerDir,
  layerFacts,
  listLayers,
  removeLayer,
  stageLayer,
  stagings,
} from './layers.ts';
export { currentBootId, isAlive, startTicks } from './liveness.ts';
export { mountPointsDir } from './mount-points.ts';
export {
  createState,
  creationName,
  freeName,
  idOfName,
  isAbandonedCreation,
  mayHoldName,
  releaseName,
  takeName,
} from './names.ts';
export * from './networks.ts';
export { type OverlayDirs, planOverlay, planReadOnlyOverlay } from './overlay.ts';
export { isAbandoned, isOwnerAlive, ownMark, stagingName } from './owner.ts';
export { containerDir, nameFile, type Paths, pathsOf, rootfsDir, runDir, runningFile } from './paths.ts';
export type * from './record-types.ts';
export {
  type Broken,
  type ContainerRecord,
  type ExitRecord,
  findContainer,
  listIds,
  type RunState,
  readExit,
  readExitNote,
  readRecord,
  readState,
  wasStarted,
  writeExit,
  writeRecord,
} from './records.ts';
export { claimUserBlock, releaseUserBlock, userBlockFile } from './user-blocks.ts';
export {
  abandonedVolumes,
  claimVolume,
  createVolume,
  dataDir,
  isVolumeName,
  listVolumes,
  readVolume,
  releaseAll,
  releaseVolume,
  removeVolume,
  sweepRemovalTurn,
  type VolumeRecord,
  volumeDir,
  volumeUsers,
} from './volumes.ts';
export * from './wiring.ts';
