import { chooseImage, imageSpec } from '../image-words.ts';
import { print } from '../out.ts';
import { pullFirst } from '../pull-first.ts';
import { CREATE_OPTIONS, specFromFlags } from '../run-options.ts';
import { type Command, type Context, MANY } from '../spec.ts';
import { IdFile } from './run.ts';

/** `mydocker create`: everything of `run` but the start. */
export const create: Command = {
  name: 'create',
  summary: 'Create a container without starting it',
  usage: '[IMAGE] COMMAND [ARG…]',
  options: CREATE_OPTIONS,
  examples: ['create --name job busybox sh -c "date > /now"', 'create -it --name box busybox sh'],
  args: [1, MANY],
  passThrough: true,
  run: createContainer,
};

async function createContainer(context: Context): Promise<number> {
  const described = await specFromFlags(context.flags);
  const engine = await context.engine();
  const chosen = chooseImage(context.args, engine, context.globals.defaultImage);
  await pullFirst(context, chosen);
  const spec = { ...described, ...imageSpec(chosen) };
  const idFile = new IdFile(context.flags.string('cidfile'));
  let id: string;
  try {
    ({ id } = await engine.containers.create(spec));
  } catch (error) {
    idFile.remove();
    throw error;
  }
  idFile.write(id);
  print(id);
  return 0;
}
