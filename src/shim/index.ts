export { type AssetName, assetPath, setAssets, shimBinary } from './assets.ts';
export { AttachClient, type AttachEnd, WANTS } from './attach.ts';
export { interpreterOf, outputError, sayStep, stepError } from './failure.ts';
export { Front, FrontFiles } from './front.ts';
export {
  decodeFailure,
  decodeReport,
  type Ending,
  type Failure,
  type HookFailure,
  type OutputLost,
  type Report,
} from './report.ts';
export {
  encodeLaunch,
  openSmall,
  openUnnamed,
  readWhole,
  type ShimRun,
  type ShimStart,
  startShim,
} from './run.ts';
export { SpareShim } from './spare.ts';
export {
  openStepStream,
  runActions,
  runWalk,
  type StepStream,
  type StreamWords,
  type WalkOptions,
  walkAfter,
} from './tree.ts';
