import { errnoNumber } from '../base/errno.ts';
import { badInput } from '../base/errors.ts';
import type { EngineOptions } from '../engine/index.ts';

/**
 * MYDOCKER_FAIL_STEP=N or N:ERRNO, for tests: step N of a launch or exec plan, counted from 1 as `explain` and error
 * messages count, fails with ERRNO (default EIO) instead of being carried out. Throws BAD_INPUT.
 */
export function parseFault(text: string): NonNullable<EngineOptions['fault']> {
  const [, step = '', name = 'EIO'] = /^(\d{1,4})(?::(E[A-Z0-9]+))?$/.exec(text) ?? [];
  const errno = errnoNumber(name);
  if (Number(step) < 1 || errno === undefined) {
    throw badInput(`MYDOCKER_FAIL_STEP: cannot read "${text}"`, {
      subject: text,
      remedy: 'give a step number of "mydocker explain run …" and, if you like, an errno: 12 or 12:ENOSPC',
    });
  }
  return { index: Number(step) - 1, errno };
}
