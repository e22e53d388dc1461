import { print } from '../out.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker import`: an archive or directory of a root file system becomes an image. */
export const importImage: Command = {
  name: 'import',
  summary: 'Make an image of a tar archive or a directory',
  usage: 'FILE|DIRECTORY|- [NAME[:TAG]]',
  options: [
    {
      name: 'message',
      short: 'm',
      value: 'string',
      placeholder: 'TEXT',
      help: 'kept in the history of the image',
    },
    {
      name: 'change',
      short: 'c',
      value: 'list',
      placeholder: 'INSTRUCTION',
      help: 'CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL',
    },
  ],
  examples: [
    'import rootfs.tar my-image',
    'import - my-image < root.tar.gz',
    `import -c 'CMD ["sh"]' ./rootfs my-image:v1`,
  ],
  args: [1, 2],
  run: importFile,
};

async function importFile(context: Context): Promise<number> {
  const [source = '', reference] = context.args;
  const message = context.flags.string('message');
  const changes = [...context.flags.list('change')];
  const engine = await context.engine();
  const id = await engine.images.import(source, {
    ...(reference === undefined ? {} : { reference }),
    ...(message === undefined ? {} : { message }),
    ...(changes.length === 0 ? {} : { changes }),
  });
  print(id);
  return 0;
}
