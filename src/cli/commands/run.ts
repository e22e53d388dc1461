import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { badInput, errnoOf, MydockerError, programRan } from '../../base/errors.ts';
import { follow, howFromFlags } from '../drive.ts';
import { becomeFront, canBecomeFront, FRONTED } from '../front.ts';
import { chooseImage, imageSpec } from '../image-words.ts';
import { print, warn } from '../out.ts';
import { DETACH_KEYS } from '../process-options.ts';
import { CREATE_OPTIONS, specFromFlags } from '../run-options.ts';
import { type Command, type Context, MANY } from '../spec.ts';

/** `mydocker run`: create a container, start it and, without -d, stay until it ends. */
export const run: Command = {
  name: 'run',
  summary: 'Run a program in a new container',
  usage: '[IMAGE] COMMAND [ARG…]',
  options: [
    { name: 'detach', short: 'd', help: 'run in the background and print the id' },
    ...CREATE_OPTIONS,
    DETACH_KEYS,
  ],
  examples: [
    'run --rm busybox echo hello',
    'run -it --rm busybox sh',
    'run -d -name bird top',
    'run -d --name web -m 100m -cpu 50 -v ./site:/site:ro busybox httpd -f -h /site',
  ],
  args: [1, MANY],
  passThrough: true,
  run: runContainer,
};

async function runContainer(context: Context): Promise<number> {
  const { flags } = context;
  const how = howFromFlags(flags);
  const described = await specFromFlags(flags);
  const engine = await context.engine();
  const chosen = chooseImage(context.args, engine, context.globals.defaultImage);
  if (chosen.isMissing === true || flags.has('pull'))
    await (await import('../pull-first.ts')).pullFirst(context, chosen);
  const spec = { ...described, ...imageSpec(chosen) };
  const idFile = new IdFile(flags.string('cidfile'));
  if (how === 'inherit' && canBecomeFront(flags))
    return becomeFront(context, 'run', await engine.containers.run(spec, how, FRONTED));
  const starting = engine.containers.run(spec, how).then(
    (running) => {
      idFile.write(running.id);
      return running;
    },
    (error: unknown) => {
      idFile.remove();
      throw error;
    },
  );
  if (how === 'detached') {
    const running = await starting;
    for (const note of running.notes) warn(note);
    print(running.id);
    return 0;
  }
  const detachKeys = flags.string('detach-keys');
  const attached = { how, tty: spec.tty === true, stdin: spec.stdin === true, detachKeys };
  return follow(starting, attached).catch((error: unknown) => {
    // The program could not be started, so the engine took the container back.
    if (error instanceof MydockerError && !programRan(error)) idFile.remove();
    throw error;
  });
}

/** The file of `--cidfile`: taken before the container is made, so that two runs never share one. */
export class IdFile {
  private readonly path: string | undefined;
  private fd = -1;

  constructor(path: string | undefined) {
    this.path = path;
    if (path === undefined) return;
    try {
      this.fd = openSync(path, 'wx', 0o644);
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === undefined) throw error;
      const why = errno === 'EEXIST' ? 'exists already' : `cannot be created (${errno})`;
      const remedy =
        errno === 'EEXIST' ? 'remove it, or give another name' : 'give a new file in an existing directory';
      throw badInput(`--cidfile: the file ${path} ${why}`, { subject: path, errno, remedy, cause: error });
    }
  }

  write(id: string): void {
    if (this.fd < 0) return;
    writeSync(this.fd, id);
    this.close();
  }

  /** Nothing was created: no file is left that says so. */
  remove(): void {
    if (this.path === undefined) return;
    this.close();
    rmSync(this.path, { force: true });
  }

  private close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }
}
