import { createReadStream, statSync } from 'node:fs';
import { badInput, errnoOf } from '../../base/errors.ts';
import { print } from '../out.ts';
import { progressView } from '../progress.ts';
import type { Command, Context } from '../spec.ts';

/** `mydocker load`. */
export const load: Command = {
  name: 'load',
  summary: 'Take images from an archive',
  usage: '',
  options: [
    {
      name: 'input',
      short: 'i',
      value: 'string',
      placeholder: 'FILE',
      help: 'the file (default: standard input)',
    },
    { name: 'quiet', short: 'q', help: 'no progress' },
  ],
  examples: ['load -i busybox.tar', 'load < apps.tar.gz'],
  args: [0, 0],
  run: loadArchive,
};

const READ_BYTES = 512 * 1024;

function open(path: string | undefined): AsyncIterable<Buffer> {
  if (path === undefined || path === '-') {
    if (process.stdin.isTTY !== true) return process.stdin;
    throw badInput('standard input is a terminal, and no archive', { remedy: 'give a file with -i' });
  }
  try {
    if (statSync(path).isDirectory()) {
      throw badInput(`cannot load ${path}: it is a directory`, {
        subject: path,
        remedy: 'give an archive',
        exitCode: 1,
      });
    }
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw badInput(`cannot load ${path}: ${errno === 'ENOENT' ? 'there is no such file' : errno}`, {
      errno,
      subject: path,
      exitCode: 1,
      cause: error,
    });
  }
  return createReadStream(path, { highWaterMark: READ_BYTES });
}

async function loadArchive(context: Context): Promise<number> {
  const { flags } = context;
  const archive = open(flags.string('input'));
  const engine = await context.engine();
  const view = await progressView({ quiet: flags.bool('quiet'), done: 'Loaded' });
  const loaded = await engine.images
    .load(archive, { onProgress: (progress) => view.show(progress) })
    .finally(() => view.end());
  for (const { id, names } of loaded) {
    for (const name of names) print(`Loaded image: ${name}`);
    if (names.length === 0) print(`Loaded image ID: ${id}`);
  }
  return 0;
}
