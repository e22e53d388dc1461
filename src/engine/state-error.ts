import { errnoOf, MydockerError } from '../base/index.ts';
import type { Core } from './core.ts';

/** What a failure while writing below the root directory means to a reader; any other error as it is. */
export function stateError(core: Core, error: unknown): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const full = errno === 'ENOSPC' || errno === 'EDQUOT';
  return new MydockerError(
    'STATE_WRITE',
    `cannot write the container’s state below ${core.root}: ${full ? `the disk is full (${errno})` : errno}`,
    {
      errno,
      subject: core.root,
      remedy: full
        ? 'free some space, or choose another disk with --root'
        : 'check the directory, or choose another with --root',
      cause: error,
    },
  );
}
