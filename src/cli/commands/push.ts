import { badInput } from '../../base/errors.ts';
import type { Engine } from '../../engine/index.ts';
import { print } from '../out.ts';
import { progressView } from '../progress.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker push`. */
export const push: Command = {
  name: 'push',
  summary: 'Send an image to a registry',
  usage: 'NAME[:TAG]',
  options: [
    { name: 'quiet', short: 'q', help: 'no progress' },
    { name: 'all-tags', short: 'a', help: 'every tag of the name' },
    { name: 'insecure', help: 'plain HTTP or an unknown certificate will do (default: for localhost only)' },
    { name: 'disable-content-trust', help: 'accepted for Docker', hidden: true },
  ],
  examples: ['push localhost:5000/team/app:v1', 'push -a localhost:5000/team/app'],
  args: [1, 1],
  run: pushImages,
};

async function names(engine: Engine, context: Context): Promise<string[]> {
  const [name = ''] = context.args;
  if (!context.flags.bool('all-tags')) return [name];
  const list = (await engine.images.list()).filter(({ repository }) => repository === name);
  if (list.length > 0) return list.map(({ repository, tag }) => `${repository}:${tag}`);
  throw badInput(`no image has the name "${name}"`, {
    subject: name,
    remedy: 'give the name without a tag; see: mydocker images',
    exitCode: 1,
  });
}

async function pushImages(context: Context): Promise<number> {
  const { flags } = context;
  const engine = await context.engine();
  const quiet = flags.bool('quiet');
  for (const name of await names(engine, context)) {
    const view = await progressView({ quiet, done: 'Pushed' });
    try {
      const { tag, digest, sizeBytes } = await engine.images.push(name, {
        insecure: flags.bool('insecure') ? true : undefined,
        onProgress: (progress) => view.show(progress),
      });
      view.end();
      print(quiet ? name : `${tag}: digest: ${digest} size: ${sizeBytes}`);
    } catch (error) {
      view.end();
      throw error;
    }
  }
  return 0;
}
