/** The engine's face: what the CLI, the Docker API and library users see. All data is plain. */
export type { ImageProgress, LayerStatus } from '../image/index.ts';
export type * from './container-types.ts';
export type * from './disk-types.ts';
export type * from './egress-types.ts';
export type * from './event-types.ts';
export type * from './file-types.ts';
export type * from './image-types.ts';
export type * from './isolation-types.ts';
export type * from './log-types.ts';
export type * from './mount-types.ts';
export type * from './name-types.ts';
export type * from './network-types.ts';
export type * from './resource-types.ts';
export type * from './session-types.ts';
export type * from './spec-types.ts';
export type * from './stats-types.ts';
export type * from './volume-types.ts';
