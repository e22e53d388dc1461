import { EXIT } from '../base/errors.ts';
import { report } from './report.ts';
import type { Context } from './spec.ts';

/**
 * Does the same to several targets at once. A failure is reported and the others go on;
 * returns 0, or 1 if any failed.
 */
export async function eachTarget(context: Context, act: (ref: string) => Promise<void>): Promise<number> {
  const results = await Promise.all(
    context.args.map((ref) =>
      act(ref).then(
        () => true,
        (error: unknown) => {
          report(error, context.globals.debug);
          return false;
        },
      ),
    ),
  );
  return results.every(Boolean) ? 0 : EXIT.notFoundObject;
}
