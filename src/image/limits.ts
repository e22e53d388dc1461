import { badInput, MydockerError } from '../base/index.ts';

/*
 * What a layer may cost at most. A few megabytes of gzip can hold terabytes of zeros, or more files than a disk has
 * inodes: a pull must not fill the host's disk with them. Whoever has such a layer raises the limit.
 */

/** Limits of one layer. */
export interface LayerLimits {
  /** Bytes of its uncompressed tar, and of its files together, holes included. */
  maxBytes: number;
  /** Entries of its tar, and directories it makes without naming them. */
  maxEntries: number;
  /** Uncompressed bytes for each compressed one, looked at from RATIO_FROM_BYTES on; Infinity: any. */
  maxRatio: number;
}

const DEFAULT_MAX_BYTES = 64 * 2 ** 30;
const DEFAULT_MAX_ENTRIES = 5_000_000;
/** gzip reaches 1,032 with zeros alone; program files stay below 20. */
const DEFAULT_MAX_RATIO = 500;
/** Below this a high ratio is no harm. */
export const RATIO_FROM_BYTES = 256 * 2 ** 20;

function numberFrom(name: string, otherwise: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw badInput(`${name} is no whole number above zero: "${text}"`, { subject: name });
}

/**
 * The limits in force: MYDOCKER_MAX_LAYER_BYTES and MYDOCKER_MAX_LAYER_ENTRIES raise or lower them. Who sets the
 * bytes has thought about them: then any ratio goes. Throws BAD_INPUT for a value that is no number.
 */
export function layerLimits(): LayerLimits {
  const maxBytes = numberFrom('MYDOCKER_MAX_LAYER_BYTES', 0);
  return {
    maxBytes: maxBytes || DEFAULT_MAX_BYTES,
    maxEntries: numberFrom('MYDOCKER_MAX_LAYER_ENTRIES', DEFAULT_MAX_ENTRIES),
    maxRatio: maxBytes === 0 ? DEFAULT_MAX_RATIO : Number.POSITIVE_INFINITY,
  };
}

/** The error for a layer beyond a limit. `why` is one clause. */
export function beyondLimit(why: string, variable: string): MydockerError {
  return new MydockerError('LAYER_LIMIT', `cannot unpack the layer: ${why}`, {
    subject: variable,
    remedy: `if you trust where it comes from, set ${variable} to more`,
  });
}
