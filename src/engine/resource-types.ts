import type { RecordedResources } from '../storage/index.ts';

/** A limit for one block device of the host. */
export interface RateSpec {
  /** "/dev/sda". */
  path: string;
  /** Bytes or operations a second, or a weight. */
  rate: number;
}

type Rates = 'blkioWeightDevice' | 'readBps' | 'writeBps' | 'readIops' | 'writeIops';

/**
 * Limits; an absent field means no limit. A limit that cannot be set here is refused, or fails the start, naming its
 * step; it is never ignored.
 */
export type Resources = Omit<RecordedResources, Rates> & { [R in Rates]?: readonly RateSpec[] };

/** Limits to change: null takes one away. Rates are changed disk by disk; a rate of 0 takes that of one disk away. */
export type ResourceChanges = { readonly [K in keyof Resources]?: Resources[K] | null };
