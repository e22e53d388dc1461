import { badInput, EXIT, MydockerError } from '../../base/errors.ts';
import type { Engine } from '../../engine/index.ts';
import { dockerContainer } from '../docker-shape.ts';
import { print } from '../out.ts';
import { report } from '../report.ts';
import { formatRows } from '../rows.ts';
import { type Command, type Context, MANY } from '../spec.ts';

/** `mydocker inspect`: everything known about containers and images, in Docker's shape. */
export const inspect: Command = {
  name: 'inspect',
  summary: 'Show everything about containers or images as JSON',
  usage: 'CONTAINER|IMAGE [CONTAINER|IMAGE…]',
  options: [
    {
      name: 'format',
      short: 'f',
      value: 'string',
      placeholder: 'FORMAT',
      help: 'json, or a template such as {{.State.Pid}}',
    },
    {
      name: 'type',
      value: 'string',
      placeholder: 'container|image',
      help: 'look only among these (default: containers, then images)',
    },
    { name: 'size', short: 's', help: 'accepted for Docker', hidden: true },
  ],
  examples: [
    'inspect bird',
    "inspect -f '{{.State.Status}} {{.State.ExitCode}}' bird",
    'inspect --type image busybox',
  ],
  args: [1, MANY],
  run: inspectObjects,
};

async function inspectObjects(context: Context): Promise<number> {
  const type = context.flags.string('type');
  if (type !== undefined && type !== 'container' && type !== 'image') {
    throw badInput(`--type "${type}" does not exist`, { subject: type, remedy: 'give container or image' });
  }
  const format = context.flags.string('format');
  const engine = await context.engine();
  const found: unknown[] = [];
  let code = 0;
  for (const ref of context.args) {
    try {
      const object = await findObject(engine, ref, type);
      if (format === undefined) found.push(object);
      else print(formatRows(format, [{ fields: object }]));
    } catch (error) {
      report(error, context.globals.debug);
      code = EXIT.notFoundObject;
    }
  }
  if (format === undefined) print(JSON.stringify(found, null, 4));
  return code;
}

const isMissing = (error: unknown, code: string): boolean =>
  error instanceof MydockerError && error.code === code;

async function findObject(
  engine: Engine,
  ref: string,
  type: string | undefined,
): Promise<Record<string, unknown>> {
  try {
    if (type !== 'image') return dockerContainer(await engine.containers.inspect(ref));
  } catch (error) {
    if (type === 'container' || !isMissing(error, 'NO_SUCH_CONTAINER')) throw error;
  }
  try {
    return { ...((await engine.images.inspect(ref)) as object) };
  } catch (error) {
    if (type === 'image' || !isMissing(error, 'NO_SUCH_IMAGE')) throw error;
    throw new MydockerError('NO_SUCH_OBJECT', `there is no container and no image "${ref}"`, {
      subject: ref,
      remedy: 'see: mydocker ps; mydocker images',
      exitCode: EXIT.notFoundObject,
      cause: error,
    });
  }
}
