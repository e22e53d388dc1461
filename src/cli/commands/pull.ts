import { print, warn } from '../out.ts';
import { progressView } from '../progress.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker pull`. */
export const pull: Command = {
  name: 'pull',
  summary: 'Fetch an image from a registry',
  usage: 'NAME[:TAG|@DIGEST]',
  options: [
    { name: 'quiet', short: 'q', help: 'print only the name' },
    {
      name: 'platform',
      value: 'string',
      placeholder: 'OS/ARCH',
      help: 'the image for another machine: linux/arm64 (default: this one)',
    },
    { name: 'insecure', help: 'plain HTTP or an unknown certificate will do (default: for localhost only)' },
    { name: 'disable-content-trust', help: 'accepted for Docker', hidden: true },
  ],
  examples: ['pull alpine', 'pull localhost:5000/team/app:v1', 'pull --platform linux/arm64 debian:12'],
  args: [1, 1],
  run: pullImage,
};

async function pullImage(context: Context): Promise<number> {
  const { flags } = context;
  const [name = ''] = context.args;
  const quiet = flags.bool('quiet');
  const engine = await context.engine();
  const view = await progressView({ quiet, done: 'Pull complete' });
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new Error('interrupted'));
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const pulled = await engine.images.pull(name, {
      platform: flags.string('platform'),
      insecure: flags.bool('insecure') ? true : undefined,
      onProgress: (progress) => view.show(progress),
      signal: stop.signal,
    });
    view.end();
    const shown = pulled.reference === '' ? pulled.id : pulled.reference;
    if (!quiet) {
      print(`Digest: ${pulled.digest}`);
      print(
        pulled.isNew
          ? `Status: Downloaded newer image for ${shown}`
          : `Status: Image is up to date for ${shown}`,
      );
    }
    print(shown);
    return 0;
  } catch (error) {
    view.end();
    if (!stop.signal.aborted) throw error;
    warn('interrupted; what was fetched is kept, and the next pull goes on there');
    return 130;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
