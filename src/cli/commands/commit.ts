import { print } from '../out.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker commit`: a container's writes become an image. */
export const commit: Command = {
  name: 'commit',
  summary: 'Make an image of a container',
  usage: 'CONTAINER [NAME[:TAG]]',
  options: [
    {
      name: 'message',
      short: 'm',
      value: 'string',
      placeholder: 'TEXT',
      help: 'kept in the history of the image',
    },
    { name: 'author', short: 'a', value: 'string', placeholder: 'TEXT', help: 'author, kept with the image' },
    {
      name: 'change',
      short: 'c',
      value: 'list',
      placeholder: 'INSTRUCTION',
      help: 'CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL',
    },
    {
      name: 'pause',
      short: 'p',
      help: 'accepted for Docker: a running container is always paused meanwhile',
      hidden: true,
    },
  ],
  examples: ['commit bird bird-image', `commit -m "with data" -c 'CMD ["top"]' bird bird-image:v2`],
  args: [1, 2],
  run: commitContainer,
};

async function commitContainer(context: Context): Promise<number> {
  const { flags } = context;
  const [ref = '', reference] = context.args;
  const message = flags.string('message');
  const author = flags.string('author');
  const changes = [...flags.list('change')];
  const engine = await context.engine();
  const id = await engine.containers.commit(ref, {
    ...(reference === undefined ? {} : { reference }),
    ...(message === undefined ? {} : { message }),
    ...(author === undefined ? {} : { author }),
    ...(changes.length === 0 ? {} : { changes }),
  });
  print(id);
  return 0;
}
