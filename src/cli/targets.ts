import { EXIT } from '../base/errors.ts';
import { report } from './report.ts';
import type { Context } from './spec.ts';

/**
 * Does the same to several targets at once. A failure is reported and the others go on; returns 0, or 1 if any
 * failed. With one target only, the exit code is that of its error.
 */
export async function eachTarget(context: Context, act: (ref: string) => Promise<void>): Promise<number> {
  const results = await Promise.all(
    context.args.map((ref) =>
      act(ref).then(
        () => 0,
        (error: unknown) => {
          const code = report(error, context.globals.debug);
          return context.args.length === 1 ? code : EXIT.notFoundObject;
        },
      ),
    ),
  );
  return Math.max(0, ...results);
}
