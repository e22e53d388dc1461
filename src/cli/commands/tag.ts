import type { Command, Context } from '../spec.ts';

/** `mydocker tag`. */
export const tag: Command = {
  name: 'tag',
  summary: 'Give an image one more name',
  usage: 'IMAGE NAME[:TAG]',
  options: [],
  examples: ['tag busybox my-busybox:v1', 'tag 0123456789ab localhost:5000/team/app:v1'],
  args: [2, 2],
  run: tagImage,
};

async function tagImage(context: Context): Promise<number> {
  const [source = '', target = ''] = context.args;
  const engine = await context.engine();
  await engine.images.tag(source, target);
  return 0;
}
