import { EXIT } from '../base/errors.ts';
import { print } from './out.ts';
import { report } from './report.ts';
import type { Context } from './spec.ts';

/**
 * Does the same to several targets at once and prints what each gives, a line each, in the order they were asked for.
 * A failure is reported and the others go on; returns 0, or 1 if any failed. With one target only, the exit code is
 * that of its error.
 */
export async function eachTarget(context: Context, act: (ref: string) => Promise<string>): Promise<number> {
  const results = context.args.map((ref) => attempt(context, act(ref)));
  let worst = 0;
  for (const result of results) {
    const { code, line } = await result;
    worst = Math.max(worst, code);
    if (line !== undefined) print(line);
  }
  return worst;
}

/** The same, one after the other: where one target may depend on another. What it says it prints itself. */
export async function eachInTurn(context: Context, act: (ref: string) => Promise<void>): Promise<number> {
  let worst = 0;
  for (const ref of context.args) worst = Math.max(worst, (await attempt(context, act(ref))).code);
  return worst;
}

async function attempt<Line>(
  context: Context,
  acting: Promise<Line>,
): Promise<{ code: number; line?: Line }> {
  try {
    return { code: 0, line: await acting };
  } catch (error) {
    const code = report(error, context.globals.debug);
    return { code: context.args.length === 1 ? code : EXIT.notFoundObject };
  }
}
