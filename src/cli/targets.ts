import { EXIT } from '../base/errors.ts';
import { report } from './report.ts';
import type { Context } from './spec.ts';

/**
 * Does the same to several targets at once. A failure is reported and the others go on; returns 0, or 1 if any
 * failed. With one target only, the exit code is that of its error.
 */
export async function eachTarget(context: Context, act: (ref: string) => Promise<void>): Promise<number> {
  const results = await Promise.all(context.args.map((ref) => codeOf(context, act(ref))));
  return Math.max(0, ...results);
}

/** The same, one after the other: where one target may depend on another. */
export async function eachInTurn(context: Context, act: (ref: string) => Promise<void>): Promise<number> {
  let worst = 0;
  for (const ref of context.args) worst = Math.max(worst, await codeOf(context, act(ref)));
  return worst;
}

async function codeOf(context: Context, acting: Promise<void>): Promise<number> {
  try {
    await acting;
    return 0;
  } catch (error) {
    const code = report(error, context.globals.debug);
    return context.args.length === 1 ? code : EXIT.notFoundObject;
  }
}
