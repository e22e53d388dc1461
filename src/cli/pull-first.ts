import { badInput, EXIT, MydockerError } from '../base/errors.ts';
import { builtin } from '../base/host.ts';
import { type ChosenImage, noImage } from './image-words.ts';
import { AlreadySaid } from './report.ts';
import type { Context } from './spec.ts';

const POLICIES = ['always', 'missing', 'never'];

/** Sees to it that the image is here, as --pull says. Throws BAD_INPUT; AlreadySaid when the pull failed. */
export async function pullFirst(context: Context, chosen: ChosenImage): Promise<void> {
  const { flags, globals } = context;
  const policy = flags.string('pull') ?? 'missing';
  if (!POLICIES.includes(policy)) {
    throw badInput(`--pull "${policy}" is not known`, {
      subject: '--pull',
      remedy: 'give always, missing or never',
    });
  }
  const { image, isMissing = false } = chosen;
  if (policy === 'never' && isMissing)
    throw noImage(image, globals.defaultImage, ', and --pull never keeps it so');
  if (policy === 'never' || (policy === 'missing' && !isMissing)) return;
  const platform = flags.string('platform');
  const words = ['pull', ...(platform === undefined ? [] : ['--platform', platform]), image];
  if (process.env.BUN_JSC_useJIT === '0') pullApart(globals.root, words);
  else {
    const { pullShowing } = await import('./pull-showing.ts');
    await pullShowing(await context.engine(), image, { quiet: false, platform }).catch((error: unknown) => {
      // `run` keeps exit codes below 125 for its program.
      if (!(error instanceof MydockerError)) throw error;
      throw new MydockerError(error.code, error.message, {
        remedy: error.remedy,
        cause: error,
        exitCode: EXIT.engine,
      });
    });
  }
}

/** By this program, in a process of its own: bytes move four times as fast with the compiler that `run` does without. */
function pullApart(root: string | undefined, words: readonly string[]): void {
  const { BUN_JSC_useJIT: _, ...env } = process.env;
  const all = [...(root === undefined ? [] : ['--root', root]), ...words];
  const { status, error } = builtin('node:child_process').spawnSync(process.execPath, all, {
    stdio: ['ignore', 2, 2],
    env,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new AlreadySaid(EXIT.engine);
}
