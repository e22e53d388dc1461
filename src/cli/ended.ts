import { badInput } from '../base/errors.ts';
import type { Engine } from '../engine/index.ts';
import { become } from './front.ts';
import { onSignals } from './signals.ts';

/** How often a command is carried out again whose failure was repaired. */
const TRIES = 20;

/** How many times this command line was tried already; for the program alone, so in the environment. */
const TRIED = 'MYDOCKER_TRIED';

/**
 * What a front executes when its program did not simply end (native/front.c): tells why, and takes back what is to be
 * taken back. `words`: see becomeFront(). Throws what went wrong; returns the exit code when nothing did.
 */
export async function ended(words: readonly string[], engine: Engine): Promise<number> {
  const [what = '', id = '', name = '', report = '', plan = '', ...command] = words;
  if ((what !== 'run' && what !== 'exec') || plan === '')
    throw badInput('this is for the program itself', { remedy: 'see: mydocker --help' });
  // What is told and taken back now is not to be cut short: the signals were for a program that has ended.
  onSignals(() => {});
  const { code, repaired } = await engine.containers.ended({ what, id, name, report, plan });
  if (repaired === undefined) return code;
  const tried = Number(process.env[TRIED] ?? 0);
  if (tried < TRIES) become(process.execPath, [process.execPath, ...command], { [TRIED]: String(tried + 1) });
  throw repaired;
}
