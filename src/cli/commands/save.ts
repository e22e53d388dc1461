import { badInput } from '../../base/errors.ts';
import { writeArchive } from '../archive-out.ts';
import { type Command, type Context, MANY } from '../spec.ts';

/** `mydocker save`. */
export const save: Command = {
  name: 'save',
  summary: 'Write images to an archive',
  usage: 'IMAGE [IMAGE…]',
  options: [
    {
      name: 'output',
      short: 'o',
      value: 'string',
      placeholder: 'FILE',
      help: 'the file (default: standard output)',
    },
    {
      name: 'format',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'docker-archive, which every program reads (default), or oci-archive',
    },
  ],
  examples: ['save -o busybox.tar busybox', 'save app:v1 app:v2 | gzip > apps.tar.gz'],
  args: [1, MANY],
  run: saveArchive,
};

async function saveArchive(context: Context): Promise<number> {
  const format = context.flags.string('format') ?? 'docker-archive';
  if (format !== 'docker-archive' && format !== 'oci-archive') {
    throw badInput(`--format "${format}" is not known`, {
      subject: format,
      remedy: 'give docker-archive or oci-archive',
    });
  }
  const engine = await context.engine();
  await writeArchive(context.flags.string('output'), engine.images.save(context.args, { format }));
  return 0;
}
