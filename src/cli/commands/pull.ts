import { print } from '../out.ts';
import { pullShowing } from '../pull-showing.ts';
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
  const pulled = await pullShowing(await context.engine(), name, {
    quiet,
    platform: flags.string('platform'),
    insecure: flags.bool('insecure') ? true : undefined,
  });
  if (!quiet) {
    const status = pulled.isNew ? 'Downloaded newer image for' : 'Image is up to date for';
    print(`Digest: ${pulled.digest}`);
    print(`Status: ${status} ${pulled.fullName}`);
  }
  print(pulled.fullName);
  return 0;
}
